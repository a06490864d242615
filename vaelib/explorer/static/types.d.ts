// The shapes of what the widgets' files hand each other, for the type check.

type Vector = ArrayLike<number>;
type Later<T> = T | Promise<T>;

interface Header {
  sizes: number[];
  activation: string;
  output: string;
  half: boolean;
}

interface Engine {
  decode: (z: number[]) => Later<Float32Array>;
  encode: (x: Vector) => Later<Float32Array>;
}

// A page has a decoder alone; `needsKernel` says that it is not in the page.
type PictureEngine = Partial<Engine> & Pick<Engine, "decode"> & { needsKernel?: boolean };

// A widget's model, or the page's own object in its place.
interface State {
  get(name: string): any;
  set(name: string, value: any, options?: object): void;
  on(event: string, listener: (...details: any[]) => void): void;
  off(event: string, listener: (...details: any[]) => void): void;
  save_changes(): void;
  save(changes: object, options: { patch: boolean }): void;
}

interface WidgetState extends State {
  send(content: object): void;
  set_state(changes: object): void; // as the kernel does it
  comm_live?: boolean;
  views?: Record<string, Promise<{ el: HTMLElement }>>;
  widget_manager: { get_model(id: string): Promise<WidgetState> };
}

interface Plane {
  axes: number[];
  names: string[];
  reach: number[];
  points: ArrayBufferView;
  labels: ArrayBufferView;
  palette: string[];
  classes: string[];
}

interface Glide {
  to: number[];
  seconds: number;
}

// What is on the screen, unrounded.
interface ImageCanvas extends HTMLCanvasElement {
  pixels?: Vector;
  z?: number[];
}

// What `save_page` wrote: bytes are deflated, in base 64.
interface Page {
  image_shape: number[];
  header: Header;
  plane: Partial<Omit<Plane, "points" | "labels"> & { points: string; labels: string }>;
  names: string[];
  order: number[];
  reach: number[];
  codes: number[][];
  draws: number[][] | null;
  prior: string;
  origin: string;
  titles: string[];
  choices: string[];
  asked: number[];
  digits: string;
  weights: string;
}

// Real images to pick from, their bytes one after the other.
interface Offered {
  image_shape: number[];
  titles: string[];
  digits: Uint8Array;
}

interface SketchPage {
  image_shape: number[];
  latent: number;
  plane: Omit<Plane, "points" | "labels"> & { points: string; labels: string };
  headers: Record<string, Header>;
  weights: Record<string, string>;
}

// A direction in which a handle lies, at shares of the picture: one for each place of its slider, or one alone.
interface PlacedAlong {
  slider: number | null;
  at: number[];
}

// What `frames_of` returns: pictures are WebP in base 64.
interface FramesPage {
  width: number;
  height: number;
  alt: string;
  sliders: { label: string; places: string[]; start: number }[];
  handles?: { x: PlacedAlong; y: PlacedAlong }[];
  base: string;
  frames: [number, number, string][];
  said?: string[];
}
