// Exchanges the login token in the address's fragment for a session. The token leaves the history before it is used.
"use strict";

async function signIn(token) {
  const status = document.getElementById("status");
  status.textContent = "Signing in ...";
  let answer;
  try {
    answer = await fetch("/aws_mwaa/login", { method: "POST", body: new URLSearchParams({ token }) });
  } catch {
    status.textContent = "Cannot sign in: the service does not answer.";
    return;
  }
  if (answer.ok) {
    location.replace("/");
    return;
  }
  const reason = (await answer.json().catch(() => ({}))).Message;
  status.textContent = "Cannot sign in. " + (reason || "The service answered " + answer.status) + ".";
}

const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname);
  signIn(token);
}
