// @ts-check
// Paints a GPT on a canvas: strips, ribbons, fields. Blue is below 0, orange above, clear is 0, in both modes.
/** @import { Numbers } from "./types.js" */
/** @import { Places, Placed, Spot } from "./glass_place.js" */
import { h } from "./dom.js";
import { boxOf, inFocus, ribbon, rowsOf, thickness } from "./glass_place.js";

export const BELOW = "#2985d9",
  ABOVE = "#e47418";
const PIXEL_BELOW = 0xd98529,
  PIXEL_ABOVE = 0x1874e4; // the same as pixels have them: blue, green, red
export const HEADS = [
  "#2985d9",
  "#d9771e",
  "#2a9d6f",
  "#9067c6",
  "#b8930a",
  "#c2507a",
  "#3aa3b5",
  "#8a6d4b",
  "#6b7a8f",
];
const DIM = 0.38,
  FAINT = 0.12; // what the picture isn't about; the weight from which other tokens' ribbons show

/** A length that stands for "large" among some numbers: 2.5 times their root mean square. @param {Numbers} values */
export function sizeOf(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return 2.5 * Math.sqrt(sum / Math.max(1, values.length)) || 1;
}

/**
 * Numbers as pixels of an image `columns` wide; `full` is the size that gets the full color.
 * @param {HTMLCanvasElement} canvas @param {Numbers} values @param {number} columns @param {number} full
 */
export function paintCells(canvas, values, columns, full) {
  const rows = Math.ceil(values.length / columns);
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows),
    pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]) / full,
      alpha = size < 1 ? 255 * Math.sqrt(size) : 255; // small numbers show, too
    pixels[i] = (alpha << 24) | (values[i] < 0 ? PIXEL_BELOW : PIXEL_ABOVE);
  }
  context.putImageData(image, 0, 0);
}

/**
 * Keeps the numbers of each part as an image, and paints the whole picture from those. numbers(part): all lanes' rows.
 * @param {(part: Placed) => { values: Float32Array, width: number }} numbers
 */
export function painter(numbers) {
  /** @typedef {{ lanes: HTMLCanvasElement, one: HTMLCanvasElement, lane: number }} Kept */
  /** @type {Map<string, Kept>} */
  const images = new Map();
  const keyOf = (/** @type {Placed} */ { kind, stage }) => `${kind} ${stage}`;

  /** @param {Placed} part @param {Places} places @param {number} full */
  function imagesOf(part, places, full) {
    const kept = images.get(keyOf(part)) ?? { lanes: h("canvas"), one: h("canvas"), lane: -1 };
    images.set(keyOf(part), kept);
    const { values, width } = numbers(part);
    if (kept.lane === -1) {
      const all = values.subarray(0, places.T * width);
      paintCells(kept.lanes, all, width / rowsOf(width, part.kind, false, places.narrow), full);
    }
    if (kept.lane !== places.lane) {
      const own = values.subarray(places.lane * width, (places.lane + 1) * width);
      paintCells(kept.one, own, width / rowsOf(width, part.kind, true, places.narrow), full);
      kept.lane = places.lane;
    }
    return kept;
  }

  return {
    /** These numbers have changed: all from a stage on. @param {number} stage */
    forget(stage) {
      for (const [key, kept] of images) if (Number(key.split(" ")[1]) >= stage) kept.lane = -1;
    },
    /**
     * @param {CanvasRenderingContext2D} to
     * @param {{ places: Places, focus: string, L: number, full: number[], ink: string, label: (t: number) => string,
     *   weight: (block: number, head: number, from: number, t: number) => number,
     *   off: (block: number, head: number) => boolean, flat: (part: Placed) => boolean, front: number | null,
     *   spots: (Spot | null)[], mask: boolean, solo: number | null }} scene
     */
    paint(to, { places, focus, L, full, ink, label, weight, off, flat, front, spots, mask, solo }) {
      const { narrow, parts, lanes, lane, width, height, T, heads } = places;
      to.clearRect(0, 0, width, height);
      to.imageSmoothingEnabled = false;
      const end = parts[parts.length - 1],
        begin = parts[0];
      if (!narrow) {
        // the lanes, as rails that go all the way
        to.fillStyle = ink;
        lanes.forEach(({ y, h: high }, t) => {
          to.globalAlpha = t === lane ? 0.07 : 0.035;
          to.fillRect(begin.x - 4, y, end.x + end.w - begin.x + 8, high);
        });
      }
      for (const part of parts) {
        const shade = inFocus(part, focus, L) ? 1 : DIM;
        if (part.kind === "attention") {
          ribbons(part, shade);
          continue;
        }
        const kept = imagesOf(part, places, full[part.kind === "mlp" ? 1 : 0]);
        to.globalAlpha = shade * (flat(part) ? 0.12 : 1);
        const rows = rowsOf(numbers(part).width, part.kind, false, narrow),
          { width: columns } = kept.lanes;
        if (!narrow) {
          to.globalAlpha *= 0.85;
          lanes.forEach((at, t) => {
            if (t !== lane) to.drawImage(kept.lanes, 0, t * rows, columns, rows, part.x, at.y, part.w, at.h);
          });
          to.globalAlpha = shade * (flat(part) ? 0.12 : 1);
        }
        const box = boxOf(places, part, lane),
          shown = reveal(box);
        if (shown) {
          to.save();
          to.beginPath();
          to.rect(...shown);
          to.clip();
          to.drawImage(kept.one, box.x, box.y, box.w, box.h);
          to.restore();
        }
        to.globalAlpha = shade * 0.5;
        to.strokeStyle = ink;
        to.lineWidth = part.kind === "strip" ? 1 : 0.5;
        to.strokeRect(box.x, box.y, box.w, box.h);
      }
      to.globalAlpha = 1;
      if (!narrow) {
        skips();
        to.strokeStyle = HEADS[1];
        to.lineWidth = 2;
        to.strokeRect(begin.x - 4, lanes[lane].y - 1, end.x + end.w - begin.x + 8, lanes[lane].h + 2);
      }
      if (front !== null && front > 0 && front < 1) {
        const glow = narrow
          ? to.createLinearGradient(0, at() - 30, 0, at() + 4)
          : to.createLinearGradient(at() - 40, 0, at() + 4, 0);
        glow.addColorStop(0, "#e4741800");
        glow.addColorStop(1, "#e47418aa");
        to.fillStyle = glow;
        if (narrow) to.fillRect(0, at() - 30, width, 34);
        else to.fillRect(at() - 40, lanes[lane].y - 6, 44, lanes[lane].h + 12);
      }
      spots.forEach(spot => spot && outline(spot));

      /** The stream runs on below attention and MLP, and what they make is added to it. */
      function skips() {
        const strips = parts.filter(part => part.kind === "strip"),
          y = lanes[lane].y + lanes[lane].h - 9;
        strips.slice(1).forEach((strip, i) => {
          const from = strips[i].x + strips[i].w,
            end = strip.x - 3;
          if (front !== null && at() < end) return;
          to.strokeStyle = ink;
          to.lineWidth = 1.5;
          to.globalAlpha = 0.55;
          to.beginPath();
          to.moveTo(from, y);
          to.lineTo(end - 4, y);
          to.moveTo(end - 4, y);
          to.arc(end, y, 5, Math.PI, 3 * Math.PI);
          to.moveTo(end - 3, y);
          to.lineTo(end + 3, y);
          to.moveTo(end, y - 3);
          to.lineTo(end, y + 3);
          to.stroke();
        });
        to.globalAlpha = 1;
      }
      /** The wave's front, in pixels. */
      function at() {
        const share = front ?? 1;
        return narrow ? share * height : begin.x + share * (end.x + end.w - begin.x);
      }
      /** What the wave has reached of a box. @param {{ x: number, y: number, w: number, h: number }} box
       * @returns {[number, number, number, number] | null} */
      function reveal({ x, y, w, h: high }) {
        const cut = Math.max(0, Math.min(1, narrow ? (at() - y) / high : (at() - x) / w));
        return front === null || cut === 1
          ? [x, y, w, high]
          : cut === 0
            ? null
            : narrow
              ? [x, y, w, cut * high]
              : [x, y, cut * w, high];
      }
      /** @param {Placed} part @param {number} shade */
      function ribbons(part, shade) {
        const wide = thickness(places);
        if (!narrow) {
          to.strokeStyle = ink;
          for (let t = 0; t < T; t++) {
            const { y, h: high } = lanes[t],
              { x, w } = part;
            if (t === lane) continue;
            for (let head = 0; head < heads; head++) {
              if (off(part.block, head)) continue;
              for (let s = 0; s < (mask ? t + 1 : T); s++) {
                const much = weight(part.block, head, s, t);
                if (much < FAINT) continue;
                to.globalAlpha = shade * (T > 16 ? 0.06 : 0.1);
                to.lineWidth = much * Math.min(5, high / 3);
                curve({ x0: x, y0: lanes[s].y + lanes[s].h / 2, x1: x + w, y1: y + high / 2 });
              }
            }
          }
        } else {
          to.globalAlpha = shade;
          to.fillStyle = ink;
          to.textAlign = "center";
          const room = width / T,
            every = Math.ceil(13 / room),
            letters = Math.max(1, Math.floor(room / 6.5));
          to.font = "11px system-ui, sans-serif";
          for (let s = 0; s < T; s++) {
            const x = (s + 0.5) * room;
            if (s % every === 0 || s === lane)
              to.fillText([...label(s)].slice(0, letters).join(""), x, part.y + 10, room * every);
          }
        }
        to.save();
        const [cut] = [reveal(part)];
        to.beginPath();
        if (cut) to.rect(cut[0], narrow ? cut[1] : 0, cut[2], narrow ? cut[3] : height);
        to.clip();
        for (let s = 0; s < (mask ? lane + 1 : T); s++)
          for (let head = 0; head < heads; head++) {
            const much = weight(part.block, head, s, lane);
            if (much < 0.004) continue;
            const gone = off(part.block, head);
            to.globalAlpha = shade * (solo !== null && solo !== head ? 0.12 : gone ? 0.25 : 0.8);
            to.setLineDash(gone ? [2, 4] : []);
            to.strokeStyle = gone ? ink : HEADS[head % HEADS.length];
            to.lineWidth = gone ? 0.7 : Math.max(0.5, much * wide);
            curve(ribbon(places, part, head, s));
          }
        to.setLineDash([]);
        to.restore();
      }
      /** @param {ReturnType<typeof ribbon>} ends */
      function curve({ x0, y0, x1, y1 }) {
        to.beginPath();
        to.moveTo(x0, y0);
        const x = (x0 + x1) / 2,
          y = (y0 + y1) / 2;
        if (narrow) to.bezierCurveTo(x0, y, x1, y, x1, y1);
        else to.bezierCurveTo(x, y0, x, y1, x1, y1);
        to.stroke();
      }
      /** A frame around what the reader looks at. @param {Spot} spot */
      function outline(spot) {
        to.globalAlpha = 1;
        to.strokeStyle = ink;
        to.lineWidth = 1.5;
        if (spot.lane >= T || (narrow && spot.lane !== lane)) return;
        if (spot.kind === "look") {
          const part = parts.find(one => one.kind === "attention" && one.block === spot.block);
          if (!part || spot.from >= T) return;
          to.lineWidth = weight(spot.block, spot.head, spot.from, lane) * thickness(places) + 4;
          to.globalAlpha = 0.35;
          curve(ribbon(places, part, spot.head, spot.from));
          to.lineWidth -= 4;
          to.globalAlpha = 1;
          to.strokeStyle = HEADS[spot.head % HEADS.length];
          curve(ribbon(places, part, spot.head, spot.from));
          return;
        }
        const kind = spot.kind === "unit" ? "mlp" : spot.kind === "sum" ? spot.part : "strip";
        const part = parts.find(
          one =>
            one.kind === kind &&
            (kind !== "mlp" || one.block === /** @type {any} */ (spot).block) &&
            (kind !== "strip" || one.stage === /** @type {any} */ (spot).stage),
        );
        if (!part) return;
        const box = boxOf(places, part, spot.lane),
          rows = rowsOf(numbers(part).width, kind, spot.lane === lane, narrow);
        const columns = Math.ceil(numbers(part).width / rows),
          w = box.w / columns,
          high = box.h / rows;
        const x = box.x + (spot.index % columns) * w,
          y = box.y + Math.floor(spot.index / columns) * high;
        to.strokeRect(x - 1.5, y - 1.5, w + 3, high + 3);
      }
    },
  };
}
