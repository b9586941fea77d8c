// @ts-check
// The types the modules share, in JSDoc. Nothing here runs, and no page receives this file.
//
//   /** @import { Frame } from "./types.js" */

/**
 * What a widget reads and writes: anywidget's model in JupyterLab, host.js's stand-in on a page.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: unknown) => void} set
 * @property {(events: string, callback: (...values: any[]) => void) => void} on
 * @property {(events: string, callback: (...values: any[]) => void) => void} off
 * @property {() => void} save_changes
 * @property {(content: unknown) => void} send
 */

/**
 * What `widget` in dom.js hands to a module's build function.
 * @typedef {object} Frame
 * @property {Model} model
 * @property {HTMLElement} root  the element to fill
 * @property {(names: string, f: () => void) => void} on  calls f now and whenever one of these traits changes
 * @property {(f: () => void) => void} cleanup  f runs when the view goes away
 * @property {(f: () => void) => void} safely  runs f; an error becomes a sentence in place of the figure
 */

/** @typedef {number[] | Float64Array | Float32Array} Numbers */

/** @typedef {Node | string | false | null | undefined} Child */

/**
 * Attributes of an element: `onclick` and the like are listeners, `style` may be an object, false and null don't count.
 * @typedef {{ [name: string]: unknown }
 *   & { [K in keyof GlobalEventHandlersEventMap as `on${K}`]?: (event: GlobalEventHandlersEventMap[K]) => void }
 * } Attributes
 */

/**
 * An SVG element that isn't drawn yet: its tag, its attributes, and its text or the marks inside it.
 * @typedef {[tag: keyof SVGElementTagNameMap, attributes?: Attributes, ...children: (string | any[])[]]} Mark
 */

/**
 * What a chart draws along one side.
 * @typedef {object} Axis
 * @property {number} low
 * @property {number} high
 * @property {"linear" | "log" | "log1p"} [kind]  log1p: logarithmic, but starts at 0
 * @property {number} [about]  how many ticks, roughly
 * @property {number[]} [ticks]  these instead of round numbers
 * @property {(value: number) => string} [text]  a tick's label
 */

/**
 * From data to pixels (`at`) and back.
 * @typedef {object} Scale
 * @property {(value: number) => number} at
 * @property {(pixels: number) => number} back
 * @property {(about: number) => number[]} ticks  round numbers in range
 */

/** @typedef {{ low?: number, high?: number, whole?: boolean, choices?: unknown[] }} Bounds  what a setting may be */

export {};
