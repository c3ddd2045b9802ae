"use strict";
(function () {
  // Numbers where a pointer, or an arrow key, is.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);
  for (const svg of document.querySelectorAll("svg[data-tips]")) {
    const tips = JSON.parse(svg.dataset.tips);
    const rule = svg.querySelector(".rule");
    const width = svg.viewBox.baseVal.width;
    let at = -1;
    const show = (i, y) => {
      at = i;
      const [x, head, lines] = tips[i];
      rule.setAttribute("transform", `translate(${x} 0)`);
      rule.setAttribute("visibility", "visible");
      tip.replaceChildren();
      const title = document.createElement("p");
      title.textContent = head;
      tip.append(title);
      for (const [colour, name, value] of lines) {
        const p = document.createElement("p"), label = document.createElement("span");
        const mark = document.createElement("i"), number = document.createElement("b");
        mark.className = "c" + colour;
        number.textContent = value;
        label.append(mark, name);
        p.append(label, number);
        tip.append(p);
      }
      tip.hidden = false;
      const box = svg.getBoundingClientRect();
      const px = box.left + (x / width) * box.width;
      const right = px + 14 + tip.offsetWidth > innerWidth;
      tip.style.left = Math.max(4, right ? px - 14 - tip.offsetWidth : px + 14) + "px";
      tip.style.top = Math.max(4, Math.min(y === undefined ? box.top + 10 : y + 12, innerHeight - tip.offsetHeight - 4)) + "px";
    };
    const hide = () => {
      at = -1;
      tip.hidden = true;
      rule.setAttribute("visibility", "hidden");
    };
    svg.addEventListener("pointermove", (event) => {
      if (!tips.length) return;
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width;
      let best = 0;
      tips.forEach((t, i) => { if (Math.abs(t[0] - x) < Math.abs(tips[best][0] - x)) best = i; });
      show(best, event.clientY);
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step || !tips.length) return;
      event.preventDefault();
      show(Math.max(0, Math.min(tips.length - 1, at + step)));
    });
  }

  // Tables that are wider than the page say so, and scroll by the keyboard too.
  const wide = () => {
    for (const box of document.querySelectorAll(".wide")) {
      const more = box.scrollWidth > box.clientWidth + 1;
      box.classList.toggle("more", more);
      if (more) box.tabIndex = 0; else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", wide);
  document.addEventListener("toggle", wide, true);
  wide();

  // The level, and the arm, that tiles and bars are about.
  const data = JSON.parse(document.getElementById("data").textContent);
  const arm = document.getElementById("arm");
  const put = (name, text) => { for (const e of document.querySelectorAll(`[data-put="${name}"]`)) e.textContent = text; };
  const draw = () => {
    const level = +document.querySelector('input[name="level"]:checked').value;
    const now = data.arms[arm ? +arm.value : 0];
    const row = now.rows[level];
    put("level", data.levels[level]);
    put("arm", now.label);
    const text = row || data.none;
    for (const [name, value] of Object.entries(text.text)) put(name, value);
    document.querySelectorAll("#fall li[data-stage]").forEach((li, i) => {
      const bar = li.querySelector("i"), [left, span, value] = text.fall[i];
      bar.style.left = left + "%";
      bar.style.width = span + "%";
      bar.hidden = !span;
      li.querySelector(".num").textContent = value;
    });
    document.getElementById("fall").setAttribute("aria-label", text.alt);
    document.querySelectorAll("#arms li").forEach((li, i) => {
      const one = (data.differences[level] || [])[i];
      li.querySelector(".num").textContent = one ? one[3] : "–";
      const ci = li.querySelector(".ci"), mean = li.querySelector(".mean");
      ci.hidden = mean.hidden = !one;
      if (!one) return;
      ci.style.left = one[0] + "%";
      ci.style.width = one[1] + "%";
      mean.style.left = one[2] + "%";
    });
  };
  for (const input of document.querySelectorAll('input[name="level"]')) input.addEventListener("change", draw);
  if (arm) arm.addEventListener("change", draw);
})();
