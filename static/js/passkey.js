// Forms that a passkey fills in: <form data-passkey="create|get"> with a hidden field
// "credential". What to ask the device for stands in #passkey-options, or is fetched
// from where the form goes.
const optionsOf = async (form) => {
  const written = document.getElementById("passkey-options");
  if (written && form.dataset.passkey !== "login") return JSON.parse(written.textContent);
  const headers = { Accept: "application/json" };
  return (await fetch(form.action, { headers })).json();
};

const ask = async (form) => {
  const found = await optionsOf(form);
  const { publicKey } = found.creation_options ?? found.request_options;
  if (form.dataset.passkey !== "create") {
    const asked = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    return navigator.credentials.get({ publicKey: asked });
  }
  // It is to open the account alone, so the device has to know its owner.
  Object.assign((publicKey.authenticatorSelection ??= {}), {
    residentKey: "required",
    requireResidentKey: true,
    userVerification: "required",
  });
  const asked = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
  return navigator.credentials.create({ publicKey: asked });
};

for (const form of document.querySelectorAll("[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy) return;
    form.ariaBusy = true;
    try {
      form.elements.credential.value = JSON.stringify(await ask(form));
      form.submit();
    } catch {
      const detail = { value: form.dataset.failed };
      document.dispatchEvent(new CustomEvent("toast", { detail }));
    }
    form.ariaBusy = null;
  });
}
