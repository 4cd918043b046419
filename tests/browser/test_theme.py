"""The Camera Path Editor in every theme of ComfyUI."""

import pytest

CONTRAST = """const node_colour = LiteGraph.vueNodesMode ? null : LiteGraph.NODE_DEFAULT_BGCOLOR;
const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgba = (colour) => {
    brush.clearRect(0, 0, 1, 1); brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1);
    return [...brush.getImageData(0, 0, 1, 1).data];
};
const linear = (one) => one <= 10 ? one / 3294.6 : ((one / 255 + 0.055) / 1.055) ** 2.4;
const light = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, share, n) => sum + share * linear(rgba(colour)[n]), 0);
const behind = (one) => {
    for (; one && !one.matches('[data-node-id], .dom-widget'); one = one.parentElement) {
        const colour = getComputedStyle(one).backgroundColor;
        if (rgba(colour)[3] > 200) return colour;
    }
    return node_colour ?? '#888';
};
const told = [...widget.element.querySelectorAll('button:enabled, label, .state, select:enabled, input')];
return told.filter((one) => one.offsetParent).map((one) => {
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))];
    return [one.textContent.slice(0, 20), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
});"""


@pytest.mark.front_end
def test_every_label_can_be_read_in_every_theme(page, editor):
    try:
        for palette in page.js("return store('colorPalette').palettes.map((one) => one.id)"):
            page.js("await app.extensionManager.setting.set('Comfy.ColorPalette', arg)", palette)
            page.settle(500)
            found = editor.js(CONTRAST)
            if palette in ("light", "dark"):
                page.shot(f"editor_{palette}")
            assert len(found) > 8 and [one for one in found if one[1] < 4.5] == [], palette
    finally:
        page.js("await app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")
