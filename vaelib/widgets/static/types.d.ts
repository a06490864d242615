// What the picture of a live figure is given.

interface HandleAlong {
  low: number;
  high: number;
  slider: number | null;
}

interface PictureHandle {
  x: HandleAlong;
  y: HandleAlong;
}
