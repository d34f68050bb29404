"""Applies JSONPaths to a document: {"document": ..., "paths": [...]} -> what each of them finds, as lists."""
import json
import sys

from jsonpath_ng import parse

asked = json.load(sys.stdin)
found = [[match.value for match in parse(path).find(asked["document"])] for path in asked["paths"]]
json.dump(found, sys.stdout)
