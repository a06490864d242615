// What the site's scripts find in their pages: Sphinx's search, MathJax, and on the front page the lab's own code.

type Result = [page: string, title: string, ...others: any[]];

declare const Search: {
  htmlToText(page: string, anchor: string | null): string;
  _performSearch(...query: any[]): Result[];
};

declare const PAGE: { train: Promise<ArrayBufferView> };
declare function openLabPage(page: typeof PAGE, element: HTMLElement | null): Promise<void>;

interface Window {
  MathJax?: { startup?: { promise: Promise<void> } };
}
