<?php
// Fetches a name as FreePBX's CID Superfecta does: three seconds, whatever status, what is around the body trimmed, and
// a body of `1` taken for nobody.
$handle = curl_init($argv[1]);
curl_setopt_array($handle, [
    CURLOPT_USERAGENT => "Mozilla/5.0 (compatible; MSIE 7.01; Windows NT 5.0)",
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_CONNECTTIMEOUT => 3,
    CURLOPT_TIMEOUT => 3,
]);
$body = curl_exec($handle);
$name = $body === false ? "" : trim($body);
echo $name === "1" ? "" : $name;
