/* What makes pages quicker to use. Every page works without it. */
"use strict";

document.documentElement.classList.add("js");

function tell(words) {
  let toast = document.querySelector(".toast");
  if (!toast) {
    toast = document.createElement("p");
    toast.className = "toast";
    toast.setAttribute("role", "status");
    document.body.append(toast);
  }
  toast.textContent = words;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => toast.remove(), 4000);
}

/* A link to sign in carries the token behind a #, which browsers never send. */
const token = document.getElementById("token");
if (token && location.hash.length > 1) {
  token.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  token.form.querySelector("button").focus();
} else if (token) {
  token.focus();
}

/* How long a text is. */
const text = document.querySelector("textarea[data-most]");
if (text) {
  const counter = document.getElementById("counter");
  const most = Number(text.dataset.most);
  const count = () => {
    const length = [...text.value].length;
    counter.textContent = `${length.toLocaleString("en")} of at most ${most.toLocaleString("en")} characters`;
    counter.classList.toggle("over", length > most);
  };
  text.addEventListener("input", count);
  count();
}

/* Replies in order: by buttons, or by dragging their number. */
const list = document.getElementById("ranking");
if (list) {
  const number = () => {
    const all = [...list.children];
    all.forEach((item, at) => {
      item.querySelector(".place").textContent = at + 1;
      const [up, down] = item.querySelectorAll(".move");
      up.disabled = at === 0;
      down.disabled = at === all.length - 1;
    });
  };
  const say = (item) => {
    const all = [...list.children];
    document.getElementById("moved").textContent = `Moved to place ${all.indexOf(item) + 1} of ${all.length}`;
  };
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button.move");
    if (!button) return;
    event.preventDefault();
    const item = button.closest("li");
    const up = button.value.startsWith("up:");
    if (up && item.previousElementSibling) list.insertBefore(item, item.previousElementSibling);
    if (!up && item.nextElementSibling) list.insertBefore(item.nextElementSibling, item);
    number();
    (button.disabled ? item.querySelector(".move:not(:disabled)") : button)?.focus();
    say(item);
  });
  list.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest(".place");
    if (!handle || event.button) return;
    event.preventDefault();
    const item = handle.closest("li");
    item.classList.add("moving");
    const move = (at) => {
      for (const other of list.children) {
        const box = other.getBoundingClientRect();
        if (other === item || at.clientY < box.top || at.clientY > box.bottom) continue;
        const above = at.clientY < (box.top + box.bottom) / 2;
        const to = above ? other : other.nextElementSibling;
        if (to !== item) list.insertBefore(item, to);
        number();
        break;
      }
    };
    const end = () => {
      item.classList.remove("moving");
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      say(item);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  });
}

/* Reactions and reports are sent beside what is being written, without leaving the page. */
function reacted(button) {
  const on = button.getAttribute("aria-pressed") !== "true";
  const [, emoji, message] = button.value.split(" ");
  const set = (one, pressed) => {
    one.setAttribute("aria-pressed", String(pressed));
    one.value = `${pressed ? "off" : "on"} ${one.value.split(" ").slice(1).join(" ")}`;
  };
  set(button, on);
  const against = { "+1": "-1", "-1": "+1" }[emoji];
  if (on && against) {
    for (const other of document.querySelectorAll("button.emoji[aria-pressed=true]")) {
      const [, its, at] = other.value.split(" ");
      if (its === against && at === message) set(other, false);
    }
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const quiet = form.dataset.quiet;
  if (!quiet) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  const button = event.submitter;
  if (button?.name) body.append(button.name, button.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (answer.type !== "opaqueredirect") throw new Error(String(answer.status));
  } catch {
    tell("That was not taken. Load the page again, and try once more.");
    return;
  }
  if (quiet === "react") reacted(button);
  if (quiet === "report") {
    button.closest(".report").replaceWith("🚩 Reported by you");
    tell("Reported. Thank you.");
  }
});
