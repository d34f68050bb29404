# Who is calling? Write the plus of a number as %2B.
curl 'http://127.0.0.1:7464/v1/lookup?ani=%2B14806754110'

# Where there are keys: with one of the scope lookup. In a file, so that the process list does not show it.
#   echo 'header = "Authorization: Bearer rs_..."' > ringside.key; chmod 600 ringside.key
#   curl --config ringside.key 'http://127.0.0.1:7464/v1/lookup?ani=%2B14806754110'

# A number as it is dialled in a country, with that country.
curl --get http://127.0.0.1:7464/v1/lookup --data-urlencode 'ani=(480) 675-4110' --data-urlencode region=US

# The name alone, or nothing: for callers that show the body to a person.
curl 'http://127.0.0.1:7464/v1/lookup?ani=%2B14806754110&format=text'

# Many at once, answered in their order.
curl http://127.0.0.1:7464/v1/lookup --json '{"anis": ["+14806754110", "+442079460958"]}'
