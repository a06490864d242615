// The shapes of what the lab's files hand each other, for the type check.

interface Sizes {
  pixels: number;
  hidden: number[];
  latent: number;
}

// `start` and `bias` are where its kernel (inputs, outputs) and its bias begin among all weights.
interface Layer {
  part: string;
  inputs: number;
  outputs: number;
  start: number;
  bias: number;
  end: number;
}

interface Likelihood {
  family: string;
  sigma: number;
}

interface Objective extends Likelihood {
  beta: number;
  noise: boolean;
  rate: number;
  frozen: { encoder: boolean; decoder: boolean };
}

// The names are those of `vaelib.lab`'s arguments.
interface LabSettings {
  data: string;
  seed: number;
  hidden: number[];
  latent: number;
  batch_size: number;
  likelihood: string;
  sigma: number;
  beta: number;
  noise: boolean;
  kl: boolean;
  learning_rate: number;
  warm_up: number;
  freeze_encoder: boolean;
  freeze_decoder: boolean;
}

// In nats per image.
interface Terms {
  recon: number;
  kl: number;
}

// What the pipeline follows: a held-out image, or the pixels of a drawing, and the noise of its z.
interface Looked {
  index: number;
  pixels?: Uint8Array | null;
  eps: Float32Array;
}

// What the plane shows beside the codes, as its checkboxes say.
interface Shown {
  ellipses: boolean;
  tiles: boolean;
}

// Of the loss, minus the objective of this one image; the norms are those of the layers in the order of `layersOf`.
interface WayBack {
  logits: Float32Array;
  z: Float32Array;
  mu: Float32Array;
  logVar: Float32Array;
  norms: number[];
}

interface Look extends Terms {
  gradient: WayBack;
  index: number;
  x: Float32Array;
  mu: Float32Array;
  logVar: Float32Array;
  z: Float32Array;
  eps: Float32Array;
  picture: Float32Array;
}

// `train` is the mean since the last frame, null where no step was made; `heldOut` is null between evaluations.
// `axes` are the two dimensions of z that the plane shows, which vary most; `reach` is how far it goes.
interface Frame {
  playing: boolean;
  steps: number;
  images: number;
  mu: Float32Array;
  logVar: Float32Array;
  axes: number[];
  variance: number[];
  reach: number;
  train: Terms | null;
  heldOut: Terms | null;
  beta: number;
  priorCodes: Float32Array;
  draws: Float32Array;
  reconstructions: Float32Array;
  look: Look;
  tiles: Float32Array | null;
  fault: string;
}

// A byte a pixel, 255 for 1.
interface LabData {
  pixels: number;
  train: Uint8Array;
  heldOut: Uint8Array;
}

// Numbers are addresses in the kernels' memory, sizes, or a scale.
type Kernel = (...numbers: number[]) => void;
interface Kernels {
  affine: Kernel;
  affine_sparse: Kernel;
  weights_gradient: Kernel;
  weights_gradient_sparse: Kernel;
  bias_gradient: Kernel;
  inputs_gradient: Kernel;
  relu: Kernel;
  relu_gradient: Kernel;
  sigmoid: Kernel;
  bernoulli: Kernel;
  gaussian: Kernel;
  adam: Kernel;
}

// What the lab is opened with.
interface LabInput {
  kernels: Uint8Array;
  worker: string;
  data: LabData;
  trainLater?: Promise<Uint8Array>; // the training images, where `data` has none yet
  labels: Uint8Array;
  image_shape: number[];
  settings: LabSettings;
  defaults: LabSettings;
  classColors: string[];
  ringColors: string[];
  classes: string[];
  classWord: string;
  quantityColors: Record<string, string>;
  whole?: string; // the address of the whole lab, of which this is the plane and three switches
  linked?: LabSettings; // from which a link to this page, or to the whole lab, sets out; without them there is no link
  notebooks?: string; // the address of the notebooks' folder, where the tour can link them
  passed: string[]; // the arguments of `vaelib.lab` for the images
  onWeights?: (weights: Float32Array, steps: number, settings: LabSettings) => void;
}

// What a step of the tour reads, before its action and after; `recon` and `kl` are held out.
interface Reading {
  [name: string]: number | string | boolean;
  variance: number;
  parted: number;
  sigma: number;
  recon: number;
  trained: number;
  kl: number;
  mu: string;
  z: string;
  drawn: boolean;
}

// `settings` are what the controls get, beside where they are at first, before a training.
interface TourStep {
  at: string[];
  title: string;
  text: string;
  ask?: string;
  action?: { label: string; press?: "reset" | "eps"; settings?: Partial<LabSettings> };
  live?: boolean;
  holds?: (after: Reading, before: Reading) => boolean;
  saw?: string;
  otherwise?: string;
  shows?: string[];
  more?: Record<string, string>;
}

// The reader's, as the tour moves it.
interface Hand {
  steer(wanted: Partial<LabSettings>): void;
  train(count: number): void;
  rest(): void;
  reset(): void;
  eps(): void;
}

interface LabControl {
  group: string;
  name: string;
  label: string;
  values?: number[];
  options?: Record<string, string>;
  number?: boolean;
  restarts?: boolean;
  when?: (settings: LabSettings) => boolean;
}

// Bytes are deflated, in base 64.
interface LabPage extends Omit<LabInput, "kernels" | "data" | "labels"> {
  pixels: number;
  kernels: string;
  train: Later<string>; // a page may be at work before it has its training images
  heldOut: string;
  labels: string;
}

interface LabState extends State {
  send(content: object, callbacks?: object, buffers?: ArrayBufferLike[]): void;
}

declare const WORKER: string; // the worker's text
