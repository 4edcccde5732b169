// Comfort over pages that work without it: focus on what stops a form, counters, rows added to a form, single sending.
(function () {
  "use strict";

  function focusOnErrors() {
    var summary = document.querySelector("[data-guichet-focus]");
    if (summary) {
      document.title = "Erreur : " + document.title;
      summary.focus();
    }
  }

  // A link of the summary leads to the field itself, not only to its place on the page.
  function goTo(event) {
    var link = event.target.closest("[data-guichet-goto]");
    if (!link) return;
    var field = document.getElementById(link.getAttribute("href").slice(1));
    if (field) {
      event.preventDefault();
      field.focus();
      field.scrollIntoView({ block: "center" });
    }
  }

  function count(counter) {
    var area = document.getElementById(counter.dataset.guichetCounter);
    if (!area) return;
    var limit = Number(counter.dataset.guichetLimit);
    var timer = 0;
    function tell() {
      // Line ends count for two characters once sent.
      var left = limit - area.value.replace(/\r?\n/g, "\r\n").length;
      var many = Math.abs(left) > 1 ? "s" : "";
      counter.textContent = left >= 0
        ? "Il reste " + left + " caractère" + many + "."
        : "Le texte dépasse de " + -left + " caractère" + many + ".";
    }
    area.addEventListener("input", function () {
      window.clearTimeout(timer);
      timer = window.setTimeout(tell, 400);
    });
  }

  function addRow(event) {
    var button = event.target.closest("[data-guichet-add-row]");
    if (!button) return;
    var rows = button.closest("[data-guichet-rows]");
    var prefix = rows.dataset.guichetRows;
    var total = rows.querySelector('[name="' + prefix + '-TOTAL_FORMS"]');
    var maximum = Number(rows.querySelector('[name="' + prefix + '-MAX_NUM_FORMS"]').value);
    var index = Number(total.value);
    if (index >= maximum) return;
    var holder = document.createElement("div");
    holder.innerHTML = rows.querySelector("template").innerHTML
      .replace(/__prefix__/g, String(index))
      .replace(/__number__/g, String(index + 1));
    var row = holder.firstElementChild;
    rows.querySelector(".guichet-rows__list").appendChild(row);
    total.value = String(index + 1);
    if (window.htmx) window.htmx.process(row);
    var first = row.querySelector("input:not([type=hidden]), select, textarea");
    if (first) first.focus();
  }

  function dismiss(event) {
    var button = event.target.closest("[data-guichet-dismiss]");
    if (button) button.closest("[data-guichet-dismissable]").remove();
  }

  // A second press while the first is on its way sends nothing; the server would refuse it anyway.
  function sendOnce(event) {
    var form = event.target;
    if (!form.matches || !form.matches("form[method=post]")) return;
    if (form.dataset.guichetSent) {
      event.preventDefault();
      return;
    }
    if (form.hasAttribute("hx-post")) return;
    form.dataset.guichetSent = "1";
    // An answer that is a download leaves the page as it is: the form must serve again.
    window.setTimeout(function () { delete form.dataset.guichetSent; }, 8000);
  }

  // On a phone, filters that nobody uses leave the screen to the list.
  function fold(details) {
    var narrow = window.matchMedia("(max-width: 47.99em)");
    function settle() {
      var fields = Array.prototype.slice.call(details.querySelectorAll("input, select"));
      details.open = !narrow.matches || fields.some(function (field) { return field.value; });
    }
    settle();
    narrow.addEventListener("change", settle);
  }

  // Typed and not saved: the browser asks before it leaves the page.
  function keepTyped(form) {
    var typed = false;
    form.addEventListener("input", function () { typed = true; });
    form.addEventListener("submit", function () { typed = false; });
    window.addEventListener("beforeunload", function (event) {
      if (typed) event.preventDefault();
    });
  }

  function ready() {
    focusOnErrors();
    document.querySelectorAll("[data-guichet-counter]").forEach(count);
    document.querySelectorAll("[data-guichet-keep]").forEach(keepTyped);
    document.querySelectorAll("[data-guichet-fold]").forEach(fold);
    document.addEventListener("click", goTo);
    document.addEventListener("click", addRow);
    document.addEventListener("click", dismiss);
    document.addEventListener("submit", sendOnce);
    // Back from the browser's memory: the form may be sent again.
    window.addEventListener("pageshow", function () {
      document.querySelectorAll("form[data-guichet-sent]").forEach(function (form) {
        delete form.dataset.guichetSent;
      });
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
