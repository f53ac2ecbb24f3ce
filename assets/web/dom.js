// Elements, made and changed in few words. Text is always text: nothing that a camera, a model or
// a CMS is called can become markup.

/** Makes an element. Properties that an element does not have become attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Writes a text where it differs, so that a page that does not change is not laid out again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows pairs of a name and a value in a `dl`, in the elements that are there already. */
export function writePairs(list, pairs) {
  while (list.children.length > pairs.length) list.lastElementChild.remove();
  while (list.children.length < pairs.length) {
    list.append(el("div", {}, el("dt"), el("dd")));
  }
  pairs.forEach(([name, value], index) => {
    const [term, detail] = list.children[index].children;
    write(term, name);
    write(detail, value);
  });
}

/** A pill with one word for how something is. */
export function statePill(state, tone) {
  return el("span", { className: "state", dataset: { tone } }, state);
}

/** A cell that stands for so many rows; in those below there is `null` in its place. */
export const spanning = (rows, content) => ({ rows, content });

/** Makes a table of rows of cells; a cell is a text, an element or one of `spanning`. */
export function table(columns, rows) {
  const heads = columns.map((column) =>
    el("th", { scope: "col", className: column.kind ?? "" }, column.name));
  const lines = rows.map((row) => el("tr", {}, ...row.map((cell, index) => {
    if (cell === null) return null;
    const className = columns[index].kind ?? "";
    return cell.rows ? el("td", { className, rowSpan: cell.rows }, cell.content) : el("td", { className }, cell);
  })));
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...lines));
}
