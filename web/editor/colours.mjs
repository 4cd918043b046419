/** The colours of nodes/host/path_picture.py. */
export const BACKGROUND = "#14161a";
export const TRACK = "#2b3037";
export const TEXT = "#e6e8eb";
export const DIM = "#8b929c";
export const KNOWN = "#3fb8a5";
export const CAREFUL = "#e0795a";
export const PATH = "#f4d35e";
export const LEAST_KNOWN = 0.2; // share below which a frame is marked
export const AXES = ["#e0606a", "#7ac25a", "#5a9be8"]; // x, y, z: red, green, blue, as everywhere
