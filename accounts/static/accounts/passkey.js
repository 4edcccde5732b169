// Passkeys: confirms an act, and says in words what a browser or a person refused.
(function () {
  "use strict";

  var FAILED = "Votre clé d’accès n’a pas répondu, ou vous avez annulé. Recommencez, ou saisissez un code.";

  function tell(form) {
    var notice = form.querySelector("[data-passkey-notice]");
    if (!notice) {
      notice = document.createElement("p");
      notice.className = "fr-error-text";
      notice.setAttribute("data-passkey-notice", "");
      notice.setAttribute("role", "alert");
      form.appendChild(notice);
    }
    notice.textContent = FAILED;
  }

  // The sign-in library reports what went wrong by this event, and otherwise only to the console.
  document.addEventListener("allauth.error", function (event) {
    event.preventDefault();
    var field = document.querySelector("input[name=credential]");
    if (field) tell(field.form);
  });

  function confirmAct(button) {
    var field = document.getElementById(button.dataset.passkeyField);
    var options = JSON.parse(document.getElementById(button.dataset.passkeyOptions).textContent);
    button.addEventListener("click", function () {
      window.webauthnJSON.get(options).then(function (credential) {
        field.value = JSON.stringify(credential);
        field.form.submit();
      }).catch(function () { tell(field.form); });
    });
  }

  function ready() {
    document.querySelectorAll("[data-passkey-field]").forEach(confirmAct);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
