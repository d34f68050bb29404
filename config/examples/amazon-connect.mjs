// Amazon Connect invokes a Lambda function, and reads one flat object of strings.
export const handler = async (event) => {
  const ani = event.Details.ContactData.CustomerEndpoint.Address;
  const base = process.env.RINGSIDE ?? "http://127.0.0.1:7464";
  // Where Ringside has keys, RINGSIDE_KEY of the function's environment is one with the scope lookup.
  const key = process.env.RINGSIDE_KEY;
  const answer = await fetch(`${base}/v1/lookup?format=flat&ani=${encodeURIComponent(ani)}`, {
    headers: key ? { Authorization: `Bearer ${key}` } : {},
    signal: AbortSignal.timeout(2000),
  });
  // In the flow: $.External.found, $.External.name, $.External.customer_id, $.External.queue
  return await answer.json();
};
