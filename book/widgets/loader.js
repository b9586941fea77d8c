// @ts-check
// Makes ES modules from their sources. A page has no address to import "./dom.js" from: it may be a file on your disk,
// a notebook's output, or JupyterLab. So it gets the sources by name, and each becomes a Blob whose imports name the
// Blobs of the modules it needs. A source the page has seen before keeps its Blob, so all figures on a page share one
// copy of each module, and figures from two versions of the book each get their own.
// This file is a classic script. It runs before there are any modules, once for each figure that brings it along.
{
  const IMPORT = /^((?:import|export)\b[^"']*\bfrom )"\.\/([\w-]+\.js)"/gm; // the same in modules.py

  /** @type {Map<string, string>} */
  const addresses = new Map();
  /** What each address was made of. @type {Map<string, { sources: Record<string, string>, name: string }>} */
  const made = new Map();
  /** @type {WeakSet<Element>} */
  const mounted = new WeakSet();

  /**
   * The address of a module. known: those of this set of sources.
   * @param {Record<string, string>} sources
   * @param {string} name
   * @param {Map<string, string>} known
   * @returns {string}
   */
  const addressOf = (sources, name, known) => {
    const source = sources[name], at = known.get(name);
    if (at) return at;
    if (!source) throw new Error(`The module ${name} is missing. Run the cell that makes this figure again.`);
    const text = source.replace(IMPORT, (_, start, other) => `${start}"${addressOf(sources, other, known)}"`);
    const address = addresses.get(text)
      ?? URL.createObjectURL(new Blob([text, `\n//# sourceURL=next-word/${name}`], { type: "text/javascript" }));
    addresses.set(text, address);
    known.set(name, address);
    made.set(address, { sources, name });
    return address;
  };

  /** @param {Record<string, string>} sources @param {string} name @returns {Promise<any>} */
  const load = async (sources, name) => import(addressOf(sources, name, new Map()));

  // Starts a worker from a module, by the address the module finds in `import.meta.url`. On a page from a disk, a
  // worker may not read the page's Blobs, so it makes its own from the same sources.
  /** @param {string} address */
  const worker = address => {
    const { sources, name } = made.get(address) ?? { sources: {}, name: "" };
    const script = `const IMPORT = ${IMPORT}, addresses = new Map(), made = new Map(), addressOf = ${addressOf};`
      + `import(addressOf(${JSON.stringify(sources)}, ${JSON.stringify(name)}, new Map()));`;
    return new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  };

  // Brings a figure of a page to life. `shared`: the sources that the page has, for a figure that brings none.
  /** @param {Element} figure @param {Record<string, string>} [shared] */
  const mount = async (figure, shared = {}) => {
    if (mounted.has(figure)) return;
    mounted.add(figure);
    try {
      const parts = JSON.parse(figure.querySelector('script[type="application/json"]')?.textContent ?? "");
      const sources = parts.modules ?? shared;
      await (await load(sources, "host.js")).mount(figure, parts, (await load(sources, parts.module)).default);
    } catch (error) {
      console.error(error);
      const why = String(/** @type {Error} */ (error).message).replace(/\.$/, "");
      const words = `This figure can't run here (${why}). The picture shows how it starts.`;
      const live = Object.assign(document.createElement("div"), { className: "nw-live" });
      live.append(Object.assign(document.createElement("p"), { className: "nw-problem", textContent: words }));
      figure.append(live);
    }
  };

  /** @type {any} */ (globalThis).nextWord ??= { load, mount, worker };
}
