// Search as one types: a list under the field, walked with the arrow keys. Without it, the button lists the results.
(function () {
  "use strict";

  function enhance(field) {
    var list = document.getElementById(field.dataset.authorityList);
    var status = document.getElementById(field.dataset.authorityStatus);
    var active = -1;
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-expanded", "false");

    function options() {
      return Array.prototype.slice.call(list.querySelectorAll("[role=option]"));
    }

    function close() {
      active = -1;
      list.hidden = true;
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
    }

    function choose(option) {
      if (option) window.location.assign(option.dataset.href);
    }

    function mark(index) {
      var all = options();
      active = all.length ? (index + all.length) % all.length : -1;
      all.forEach(function (option, position) {
        option.setAttribute("aria-selected", position === active ? "true" : "false");
      });
      if (active < 0) return;
      field.setAttribute("aria-activedescendant", all[active].id);
      all[active].scrollIntoView({ block: "nearest" });
    }

    function shown() {
      var count = options().length;
      var typed = field.value.trim().length;
      active = -1;
      field.removeAttribute("aria-activedescendant");
      list.hidden = count === 0;
      field.setAttribute("aria-expanded", count ? "true" : "false");
      if (typed < 2) status.textContent = "";
      else if (count === 0) status.textContent = "Aucune collectivité trouvée : vérifiez l’orthographe, ou tapez le SIREN ou le code INSEE.";
      else if (count >= 12) status.textContent = "Les " + count + " premières collectivités : précisez le nom si la vôtre n’y est pas.";
      else status.textContent = count + (count > 1 ? " collectivités proposées" : " collectivité proposée") +
        ", parcourez-les avec les flèches haut et bas.";
    }

    list.addEventListener("htmx:afterSwap", shown);
    list.addEventListener("mousedown", function (event) { event.preventDefault(); });
    list.addEventListener("click", function (event) { choose(event.target.closest("[role=option]")); });
    field.addEventListener("blur", close);
    field.addEventListener("focus", function () { if (options().length) shown(); });
    field.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown") { event.preventDefault(); if (list.hidden) shown(); mark(active + 1); }
      else if (event.key === "ArrowUp") { event.preventDefault(); mark(active < 0 ? -1 : active - 1); }
      else if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); }
      else if (event.key === "Enter" && active >= 0) { event.preventDefault(); choose(options()[active]); }
    });
  }

  document.querySelectorAll("[data-authority-list]").forEach(enhance);
})();
