// Passkeys: asks the server what to sign, the authenticator to sign it, and sends the answer with the form.
// Without this file, or in a browser without passkeys, the forms stay hidden and codes do the work.
(() => {
  if (!window.PublicKeyCredential) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const described = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  const signed = async (options) => {
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    if (options.user) {
      publicKey.user = { ...options.user, id: bytes(options.user.id) };
      publicKey.excludeCredentials = described(options.excludeCredentials);
      return navigator.credentials.create({ publicKey });
    }
    publicKey.allowCredentials = described(options.allowCredentials);
    return navigator.credentials.get({ publicKey });
  };

  const written = ({ id, rawId, type, authenticatorAttachment, response }) => {
    const answer = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[name]) answer[name] = text(response[name]);
    }
    if (response.getTransports) answer.transports = response.getTransports();
    return JSON.stringify({ id, rawId: text(rawId), type, authenticatorAttachment, response: answer });
  };

  const ask = async (form) => {
    const asked = await fetch(form.dataset.passkey, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
    });
    const said = await asked.json();
    if (!asked.ok) throw new Error(said.detail);
    form.elements.credential.value = written(await signed(said));
    form.submit();
  };

  for (const sorry of document.querySelectorAll("[data-without-passkey]")) sorry.hidden = true;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const complaint = form.querySelector("[role=alert]");
    const button = form.querySelector("[type=submit]");
    const usual = complaint.textContent;
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      complaint.hidden = true;
      button.disabled = true;
      try {
        await ask(form);
      } catch (error) {
        // A browser's own words (a cancelled dialog, say) are not for people; the server's are.
        complaint.textContent = error.constructor === Error && error.message ? error.message : usual;
        complaint.hidden = false;
        button.disabled = false;
      }
    });
  }
})();
