/** What people read on the page, in ComfyUI's language. The English sentence is the key of its translation. */

import { CHINESE } from "./words_zh.mjs";

let words = {};

/** locale: ComfyUI's setting "Comfy.Locale", such as "en" or "zh". */
export function setLanguage(locale) {
  words = locale === "zh" ? CHINESE : {};
}

/** A text, with {name} filled in from `values`. */
export function say(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
