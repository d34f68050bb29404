#!/usr/bin/env python3
"""Runs Debezium's embedded engine and hands its events on, for the tests of Debezium decoding.

    engine.py PROPERTIES --file FILE     one line {"key":…, "value":…, "topic":…} an event, as a followed file has them
    engine.py PROPERTIES --post URL      the same lines, a batch a post, as a feed of kind "debezium" takes them
    engine.py … --values                 the values alone, as sinks that drop keys and tombstones send them

PROPERTIES is a Java properties file: connector.class, database.*, offset.storage.file.filename and so on. The engine ends
when the standard input does, so that it never outlives whoever started it.
"""

import argparse
import json
import sys
import threading
import urllib.error
import urllib.request

from pydbzengine import BasePythonChangeHandler, DebeziumJsonEngine


def text(json_or_none):
    return None if json_or_none is None else json.loads(str(json_or_none))


class Events(BasePythonChangeHandler):
    def __init__(self, send, values_alone):
        self.send = send
        self.values_alone = values_alone

    def handleJsonBatch(self, records):
        lines = []
        for record in records:
            value = text(record.value())
            if self.values_alone:
                if value is None:
                    continue
                event = value
            else:
                event = {
                    "topic": str(record.destination()),
                    "key": text(record.key()),
                    "value": value,
                }
            lines.append(json.dumps(event, separators=(",", ":"), ensure_ascii=False))
        if lines:
            self.send("\n".join(lines) + "\n")


def to_file(path):
    file = open(path, "a", encoding="utf-8")

    def send(lines):
        file.write(lines)
        file.flush()

    return send


def to_url(url):
    def send(lines):
        request = urllib.request.Request(url, data=lines.encode(), method="POST")
        request.add_header("Content-Type", "application/x-ndjson")
        # What is not taken raises, which ends the engine ahead of the offset: nothing is lost by it.
        with urllib.request.urlopen(request) as answer:
            answered = json.load(answer)
        if answered["rejected"]:
            print(json.dumps(answered["errors"]), file=sys.stderr, flush=True)

    return send


def properties(path):
    with open(path, encoding="utf-8") as lines:
        pairs = (line.strip().split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        return {key.strip(): value.strip() for key, value in pairs}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("properties")
    arguments.add_argument("--values", action="store_true")
    where = arguments.add_mutually_exclusive_group(required=True)
    where.add_argument("--file")
    where.add_argument("--post")
    given = arguments.parse_args()
    send = to_file(given.file) if given.file else to_url(given.post)
    engine = DebeziumJsonEngine(properties(given.properties), Events(send, given.values))

    def end_with_input():
        sys.stdin.buffer.read()
        engine.close()

    threading.Thread(target=end_with_input, daemon=True).start()
    engine.run()


if __name__ == "__main__":
    main()
