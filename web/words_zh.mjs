/** Chinese words of the page: English sentence to its translation. */

export const CHINESE = {};
