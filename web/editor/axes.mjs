/** Our axes (x right, y down, z forward) to those of three.js (x right, y up, z backward), and back. */

export const flipped = ([x, y, z]) => [x, -y, -z];
export const flippedTurn = ([w, x, y, z]) => [w, x, -y, -z];
