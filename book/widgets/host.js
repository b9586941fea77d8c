// Mounts a widget in a page that has no kernel. It stands in for the model of Jupyter's front end (get, set, on, off,
// save_changes, send), imports the widget's module from the figure itself, and asks no one for anything.
// Without it, or if it fails, the still picture stays. "Copy link" puts the reader's settings into the address.
(() => {
  const LONGEST = 4000; // characters of a setting that a link carries
  const figure = document.currentScript.closest("figure");
  const partsOf = figure => JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const parts = partsOf(figure);
  // The site writes a module once a page: the first figure of its kind has it for all.
  parts.module ??= partsOf(document.querySelector(`figure[data-widget="${figure.dataset.widget}"]`)).module;
  const number = () => [...document.querySelectorAll("figure.nw-widget")].indexOf(figure) + 1;
  const state = { ...parts.state }, listeners = [];
  const model = {
    get: name => state[name],
    set(name, value) {
      if (Object.is(state[name], value)) return;
      state[name] = value;
      for (const event of [`change:${name}`, "change"])
        for (const [wanted, f] of [...listeners]) if (wanted === event) f(model, value);
    },
    on: (events, f) => events.split(" ").forEach(event => listeners.push([event, f])),
    off(events, f) {
      const gone = ([event, g]) => (!events || events.split(" ").includes(event)) && (!f || f === g);
      listeners.splice(0, listeners.length, ...listeners.filter(listener => !gone(listener)));
    },
    save_changes() {},
    send() {},
  };

  // Settings that came with the address: those of the right kind and within bounds.
  function allowed(name, value) {
    const bounds = parts.state.bounds[name], now = parts.state[name];
    if (!parts.settings.includes(name) || typeof value !== typeof now || Array.isArray(value) !== Array.isArray(now)) return false;
    if (bounds?.choices) return bounds.choices.includes(value);
    if (bounds) return value >= bounds.low && value <= bounds.high && (!bounds.whole || Number.isInteger(value));
    return JSON.stringify(value).length <= LONGEST;
  }
  function fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (Number(given.get("widget")) !== number()) return;
    for (const [name, text] of given) {
      let value;
      try { value = JSON.parse(text); } catch { continue; } // not ours: someone typed it
      if (name !== "widget" && allowed(name, value)) model.set(name, value);
    }
    figure.scrollIntoView({ block: "center" });
  }
  function copyLink() {
    const settings = new URLSearchParams({ widget: number() }), long = [];
    for (const name of parts.settings) {
      const text = JSON.stringify(state[name]);
      if (text.length <= LONGEST) settings.set(name, text); else long.push(name);
      if (text.length > LONGEST && Array.isArray(state[name])) settings.set(name, "[]"); // or the page's own list would stand there
    }
    history.replaceState(null, "", "#" + settings);
    const say = text => { said.textContent = text + (long.length ? ` Too long for a link, and not in it: ${long.join(", ")}.` : ""); };
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    copied.then(() => say("Copied: the link opens this page with these settings."),
      () => say("The link is now in the address bar."));
  }
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy link" });
  button.addEventListener("click", copyLink);
  const foot = Object.assign(document.createElement("div"), { className: "nw-link" });
  foot.append(button, said);

  const live = Object.assign(document.createElement("div"), { className: "nw-live" });
  const address = URL.createObjectURL(new Blob([parts.module], { type: "text/javascript" }));
  import(address).then(async ({ default: widget }) => {
    await widget.initialize?.({ model });
    fromAddress();
    window.addEventListener("hashchange", fromAddress);
    await widget.render({ model, el: live });
    if (parts.settings.length) live.append(foot);
    figure.append(live);
    figure.classList.add("nw-mounted");
  }).catch(error => {
    console.error(error);
    live.append(Object.assign(document.createElement("p"), {
      className: "nw-problem",
      textContent: `This figure cannot move here (${error.message}); the picture shows how it starts.`,
    }));
    figure.append(live);
  }).finally(() => URL.revokeObjectURL(address));
})();
