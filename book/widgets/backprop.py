"""A computation graph to step through: values forward, gradients backward, one node at a time.

`Backprop("tanh(w * x + b)", w=0.8, x=1.5, b=-0.4)`. `ast` reads the expression into a list of nodes, and nothing ever
runs it. You can name the steps in between: `Backprop("p = w * x; s = p + b; tanh(s)", …)`. We lay out the graph here,
in layers and slots; the module beside this file (`backprop.js`) computes and draws. Left out: arrays; chapter 2 builds
those.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Hashable

import numpy as np
import traitlets

from book.widgets.base import Number, Whole, Widget
from helpers import plots

# operation: what it computes, its local derivatives (of the operands a, b and the result out), and both as text, in
# which {0} and {1} stand for the operands and {out} for the result. backprop.js has the same functions.
OPERATIONS: dict[str, tuple[Callable, Callable, str, tuple[str, ...]]] = {
    "add": (lambda a, b: a + b, lambda a, b, out: (1, 1), "{0} + {1}", ("1", "1")),
    "sub": (lambda a, b: a - b, lambda a, b, out: (1, -1), "{0} − {1}", ("1", "−1")),
    "mul": (lambda a, b: a * b, lambda a, b, out: (b, a), "{0} · {1}", ("{1}", "{0}")),
    "div": (lambda a, b: a / b, lambda a, b, out: (1 / b, -a / (b * b)), "{0} / {1}", ("1 / {1}", "−{0} / {1}²")),
    "pow": (lambda a, n: a**n, lambda a, n, out: (n * a ** (n - 1), 0), "{0}^{1}", ("{1} · {0}^({1} − 1)", "")),
    "neg": (lambda a: -a, lambda a, out: (-1,), "−{0}", ("−1",)),
    "exp": (math.exp, lambda a, out: (out,), "exp {0}", ("{out}",)),
    "log": (math.log, lambda a, out: (1 / a,), "log {0}", ("1 / {0}",)),
    "tanh": (math.tanh, lambda a, out: (1 - out * out,), "tanh {0}", ("1 − {out}²",)),
    "sigmoid": (lambda a: 0.5 * (1 + math.tanh(0.5 * a)), lambda a, out: (out * (1 - out),), "sigmoid {0}",
                ("{out} · (1 − {out})",)),
    "relu": (lambda a: max(a, 0.0), lambda a, out: (float(a > 0),), "relu {0}", ("1 above 0, else 0",)),
}  # fmt: skip
SQUARE = ("{0}²", ("2 · {0}", ""))  # `** 2` reads better than ^2
SIGNS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
CALLS = ("exp", "log", "tanh", "sigmoid", "relu")
ALLOWED = "+ − * /, ** with a plain number, and exp, log, tanh, sigmoid, relu of one number"
MOST = 24  # nodes that still fit in a column of text
LARGEST = 1e6  # of a leaf


class Backprop(Widget):
    """The graph of an expression, with its values, its gradients, and gradient descent on its leaves.

    expression: a formula, or several that name the steps in between, separated by `;` or line breaks; the last one is
    the result. leaves: a number for each name the formulas don't define. learn: the leaves that gradient descent moves
    (default: all). step: how many steps of the walk are done (default: forward, and two backward).
    Raises ValueError or traitlets.TraitError with a sentence. Built in chapter 2.
    """

    settings = ("leaves", "learn", "step", "rate")

    expression = traitlets.Unicode(read_only=True).tag(sync=True)
    nodes = traitlets.List(read_only=True, help="each after its parents; see `read`").tag(sync=True)
    edges = traitlets.List(read_only=True, help="[from, to, argument, [[layer, slot], …]]").tag(sync=True)
    start = traitlets.Dict(read_only=True, help="the leaves it started with").tag(sync=True)
    leaves = traitlets.Dict(help="name → number").tag(sync=True)
    learn = traitlets.List(help="names of the leaves that a step of gradient descent moves").tag(sync=True)
    step = Whole(0, 0, 2 * MOST).tag(sync=True)
    rate = Number(0.1, 0.001, 10, help="learning rate").tag(sync=True)
    losses = traitlets.List(help="the result before each step of gradient descent, and now").tag(sync=True)

    def __init__(self, expression: str, *, learn=None, step=None, rate=0.1, title="", caption="", **leaves):
        super().__init__(title=title or f"Computation graph of {expression}", caption=caption, rate=rate)
        nodes, edges = arrange(read(expression, leaves))
        for name, value in {"expression": expression, "nodes": nodes, "edges": edges}.items():
            self.set_trait(name, value)
        self.leaves = leaves
        self.set_trait("start", dict(self.leaves))
        self.learn = list(self.start if learn is None else learn)
        operations = sum("op" in node for node in nodes)
        self.step = min(operations + 2, 2 * operations + 1) if step is None else step

    @traitlets.validate("leaves")
    def _check_leaves(self, proposal):
        wanted, given = [node["name"] for node in self.nodes if "op" not in node], proposal["value"]
        if set(given) != set(wanted):
            raise traitlets.TraitError(f"leaves must have values for {_list(wanted)}; got {_list(given)}.")
        values = {name: _number(name, given[name]) for name in wanted}
        backward(self.nodes, evaluate(self.nodes, values))
        return values

    @traitlets.validate("learn")
    def _check_learn(self, proposal):
        if unknown := [name for name in proposal["value"] if name not in self.start]:
            raise traitlets.TraitError(f"learn must name leaves ({_list(self.start)}); got {unknown[0]!r}.")
        return proposal["value"]

    @traitlets.validate("step")
    def _check_step(self, proposal):
        last = 2 * sum("op" in node for node in self.nodes) + 1
        if proposal["value"] > last:
            raise traitlets.TraitError(f"step must be from 0 to {last} in this graph; got {proposal['value']}.")
        return proposal["value"]

    def gradients(self) -> dict[str, float]:
        """d(result)/d(leaf) for each leaf, at the current values."""
        values = evaluate(self.nodes, self.leaves)
        found = backward(self.nodes, values)
        return {node["name"]: found[i] for i, node in enumerate(self.nodes) if "op" not in node}

    def still(self):
        values = evaluate(self.nodes, self.leaves)
        grads = backward(self.nodes, values)
        place = {
            node["name"]: (
                1.25 * node["at"][0],
                -0.95 * node["at"][1],
                f"{label(node)}\n{_shown(values[i])}\nd{node['name']} = {_shown(grads[i])}",
            )
            for i, node in enumerate(self.nodes)
        }
        names = [node["name"] for node in self.nodes]
        direct = [(names[a], names[b]) for a, b, _, through in self.edges if not through]
        slots = [place[1] for place in (*(n["at"] for n in self.nodes), *(p for e in self.edges for p in e[3]))]
        width = max(3, min(8, 1.35 * (1 + self.nodes[-1]["at"][0])))
        height = 0.5 + 0.72 * (1 + max(slots) - min(slots))
        ax = plots.boxes(place, direct, width=width, height=height, box=(1.05, 0.7))
        ax.set_ylim(-0.95 * max(slots) - 0.4, -0.95 * min(slots) + 0.4)
        for a, b, _, through in self.edges:
            if through:  # around the boxes in between
                (x0, y0, _), (x1, y1, _) = place[names[a]], place[names[b]]
                way = [(1.25 * layer + dx, -0.95 * slot) for layer, slot in through for dx in (-0.52, 0.52)]
                ax.plot(*zip((x0 + 0.53, y0), *way), color=plots.MUTED, linewidth=1.2)
                arrow = {"arrowstyle": "-|>", "color": plots.MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 1}
                ax.annotate("", xy=(x1 - 0.53, y1 - 0.15), xytext=way[-1], arrowprops=arrow)
        return ax

    def alt(self) -> str:
        values = evaluate(self.nodes, self.leaves)
        slopes = ", ".join(f"d{name} = {_shown(g)}" for name, g in self.gradients().items())
        given = ", ".join(f"{name} = {_shown(v)}" for name, v in self.leaves.items())
        out = self.nodes[-1]
        end = f"{label(out)} = {_shown(values[-1])}"
        return f"A computation graph from the leaves {given} to {end}; gradients: {slopes}."


def read(expression: str, leaves) -> list[dict]:
    """The nodes of an expression, each after its parents; the last one is the result.

    A leaf is {name}. An operation is {name, op, args, text, local}: args are {node: index} or {value: number}, text and
    local (one per argument) are patterns, see `OPERATIONS`. Raises ValueError with a sentence.
    """
    try:
        lines = ast.parse(expression.strip()).body
    except SyntaxError as error:
        raise ValueError(f"Can't read the expression {expression!r} ({error.msg}). Write it as in Python.") from None
    nodes: list[dict] = []
    index, used = {}, {node.id for line in lines for node in ast.walk(line) if isinstance(node, ast.Name)}

    def operand(tree) -> dict:
        match tree:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return {"value": float(number)}
            case ast.Name(id=name):
                if name not in index:
                    if name not in leaves:
                        raise ValueError(f"The expression uses {name}, but {name} has no value. Add {name}=0.5.")
                    index[name] = len(nodes)
                    nodes.append({"name": name})
                return {"node": index[name]}
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return operation("neg", operand(inner))
            case ast.BinOp(op=sign, left=left, right=right) if type(sign) in SIGNS:
                return operation(SIGNS[type(sign)], operand(left), operand(right))
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in CALLS:
                return operation(name, operand(inner))
        raise ValueError(f"An expression may use {ALLOWED}; got {ast.unparse(tree)!r}.")

    def operation(op: str, *args: dict) -> dict:
        if op == "pow" and "node" in args[1]:
            raise ValueError(f"`**` takes a plain number, as in x ** 2; got {nodes[args[1]['node']]['name']!r}.")
        if all("value" in arg for arg in args):  # 1 / 2 needs no node
            return {"value": _compute(op, [arg["value"] for arg in args], expression)}
        _, _, text, local = OPERATIONS[op]
        if op == "pow" and args[1]["value"] == 2:
            text, local = SQUARE
        count = len(nodes)
        name = next(f"v{k}" for k in range(1, 999) if f"v{k}" not in {*index, *used, *leaves})
        index[name] = count
        nodes.append({"name": name, "op": op, "args": list(args), "text": text, "local": list(local)})
        return {"node": count}

    for line in lines:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=tree):
                if name in index or name in leaves:
                    raise ValueError(f"{name} gets a value twice. Give each name one value.")
                found = operand(tree)
                if "op" not in nodes[found.get("node", 0)] or "value" in found or found["node"] != len(nodes) - 1:
                    raise ValueError(f"{name} = {ast.unparse(tree)} computes nothing. Use the name on its right side.")
                index[name] = found["node"]
                del index[nodes[found["node"]]["name"]]
                nodes[found["node"]]["name"] = name
            case ast.Expr(value=tree):
                found = operand(tree)
            case _:
                raise ValueError(f"Write formulas, such as `p = w * x; tanh(p)`; got {ast.unparse(line)!r}.")
    if not lines or "op" not in (nodes[-1] if nodes else {}) or found != {"node": len(nodes) - 1}:
        raise ValueError(f"The last part of the expression {expression!r} computes nothing. Try w * x + b.")
    reached = _ancestors(nodes)
    idle = [node["name"] for i, node in enumerate(nodes) if i not in reached]
    if spare := [*(name for name in leaves if name not in index), *idle]:
        raise ValueError(f"{spare[0]} isn't part of the result. Leave it out, or use it.")
    if len(nodes) > MOST:
        raise ValueError(f"A graph can have up to {MOST} nodes; got {len(nodes)}. Shorten the expression.")
    return nodes


def evaluate(nodes: list[dict], leaves: dict) -> list[float]:
    """The value of every node. Raises ValueError with a sentence if one isn't a finite number."""
    values = []
    for node in nodes:
        computed = "op" in node
        values.append(_compute(node["op"], _operands(node, values), label(node)) if computed else leaves[node["name"]])
    return values


def backward(nodes: list[dict], values: list[float]) -> list[float]:
    """d(result)/d(node) for every node: from the last to the first, local × upstream, added up.

    Raises ValueError with a sentence if a slope isn't finite, like that of `x ** 0.5` at 0.
    """
    grads = [0.0] * len(nodes)
    grads[-1] = 1.0
    for i in reversed(range(len(nodes))):
        if "op" in nodes[i]:
            try:
                slopes = OPERATIONS[nodes[i]["op"]][1](*_operands(nodes[i], values), values[i])
            except (ZeroDivisionError, OverflowError):
                raise ValueError(f"{label(nodes[i])} has no finite slope here. Start from other numbers.") from None
            for arg, slope in zip(nodes[i]["args"], slopes, strict=True):
                if "node" in arg:
                    grads[arg["node"]] += slope * grads[i]
    return grads


def label(node: dict) -> str:
    """What a node shows: `p = w · x`, or the name of a leaf."""
    return f"{node['name']} = {node['formula']}" if "op" in node and "formula" in node else node["name"]


def arrange(nodes: list[dict]) -> tuple[list[dict], list[list]]:
    """The nodes with their places (`at`: layer, slot) and formulas, and the edges with the places they pass through.

    An operation sits one layer after its last operand, a leaf one layer before its first use. Within a layer, nodes
    stay at least one slot apart, and as close as that allows to the nodes they feed.
    """
    uses = [[] for _ in nodes]  # who a node feeds: (node, argument)
    layer = [0] * len(nodes)
    for i, node in enumerate(nodes):
        for k, arg in enumerate(node.get("args", [])):
            if "node" in arg:
                uses[arg["node"]].append((i, k))
                layer[i] = max(layer[i], layer[arg["node"]] + 1)
    for i, node in enumerate(nodes):
        if "op" not in node:
            layer[i] = min(layer[j] for j, _ in uses[i]) - 1
    # a long edge gets a stand-in in every layer it crosses: (source, layer), shared by that node's edges
    feeds: dict[Hashable, list] = {i: [] for i in range(len(nodes))}
    depth: dict[Hashable, int] = dict(enumerate(layer))
    for i in range(len(nodes)):
        for j, _ in uses[i]:
            chain = [i, *((i, m) for m in range(layer[i] + 1, layer[j])), j]
            for here, there in zip(chain, chain[1:]):
                if there not in feeds.setdefault(here, []):
                    feeds[here].append(there)
                if isinstance(there, tuple):
                    depth[there] = there[1]
    slot: dict[Hashable, float] = {len(nodes) - 1: 0.0}
    for m in range(max(layer) - 1, -1, -1):
        best = {n: float(np.mean([slot[t] for t in feeds[n]])) for n in depth if depth[n] == m}
        order = sorted(best, key=lambda n: (best[n], isinstance(n, tuple), n[0] if isinstance(n, tuple) else n))
        weight = [1000.0 if isinstance(n, int) and "op" in nodes[n] else 1.0 for n in order]
        slot |= dict(zip(order, _apart([best[n] for n in order], weight)))
    placed = [
        {**node, "at": [layer[i], round(slot[i], 3)]} | ({"formula": _formula(node, nodes)} if "op" in node else {})
        for i, node in enumerate(nodes)
    ]
    edges = [
        [i, j, k, [[m, round(slot[i, m], 3)] for m in range(layer[i] + 1, layer[j])]]
        for i in range(len(nodes))
        for j, k in uses[i]
    ]
    return placed, edges


def _apart(best: list[float], weights: list[float]) -> list[float]:
    """The places closest to the best ones (weighted least squares) that keep their order and a distance of 1."""
    groups: list[tuple[float, float, int]] = []  # neighbors that would collide move as one
    for i, (place, weight) in enumerate(zip(best, weights)):
        groups.append((weight * (place - i), weight, 1))  # sum of weight × (place − i), weight, members
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            (a, b, c), (d, e, f) = groups.pop(), groups.pop()
            groups.append((a + d, b + e, c + f))
    means = [total / weight for total, weight, count in groups for _ in range(count)]
    return [mean + i for i, mean in enumerate(means)]


def _ancestors(nodes: list[dict]) -> set[int]:
    """Indices of the nodes that go into the last one, itself included."""
    reached = {len(nodes) - 1}
    for i in reversed(range(len(nodes))):
        if i in reached:
            reached |= {arg["node"] for arg in nodes[i].get("args", []) if "node" in arg}
    return reached


def _formula(node: dict, nodes: list[dict]) -> str:
    return node["text"].format(*(nodes[a["node"]]["name"] if "node" in a else _shown(a["value"]) for a in node["args"]))


def _operands(node: dict, values: list[float]) -> list[float]:
    return [values[arg["node"]] if "node" in arg else arg["value"] for arg in node["args"]]


def _compute(op: str, operands: list[float], what: str) -> float:
    """The result of one operation. Raises ValueError with a sentence if it isn't a finite real number."""
    try:
        value = OPERATIONS[op][0](*operands)
    except (ValueError, ZeroDivisionError, OverflowError):
        value = math.nan
    if isinstance(value, complex) or not math.isfinite(value):
        numbers = " and ".join(_shown(v) for v in operands)
        raise ValueError(f"{what} has no finite value at {numbers}. Start from other numbers.")
    return value


def _number(name: str, value) -> float:
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not -LARGEST <= value <= LARGEST:
        raise traitlets.TraitError(f"{name} must be a number from −{LARGEST:,.0f} to {LARGEST:,.0f}; got {value!r}.")
    return float(value)


def _list(names) -> str:
    return ", ".join(map(str, names)) or "none"


def _shown(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
