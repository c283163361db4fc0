#!/usr/bin/env python3
"""Prints all events, from the first in the history, and goes on live.

An example for those who write monitoring. The messages are described in
../asyncapi.yaml.
Exit status: 0 at --until-idle, 2 wrong usage, 69 no broker or no history,
130 interrupted.
"""

import argparse
import json
import os
import sys

import pika
import pika.exceptions

EVENTS = "longshore.events"
HISTORY = "longshore.events.history"
UNAVAILABLE = 69


def offset(text):
    """The place in the stream to begin at: a number, or text as it is."""
    return int(text) if text.isdecimal() else text


def broker(url):
    if not url.startswith(("amqp://", "amqps://")):
        raise ValueError(url)
    return pika.URLParameters(url)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--broker",
        type=broker,
        default=os.environ.get("LONGSHORE_BROKER", "amqp://localhost"),
        help="an amqp:// or amqps:// URL; one with a password belongs into"
        " the environment, as LONGSHORE_BROKER, where others do not see it",
    )
    parser.add_argument("--cluster", help="only this cluster")
    parser.add_argument(
        "--since",
        type=offset,
        default="first",
        help="first (default), last, next, an offset, or so long ago: 1h",
    )
    parser.add_argument(
        "--until-idle",
        type=float,
        metavar="SECONDS",
        help="end after so long without an event",
    )
    return parser.parse_args()


def describe(event):
    data = event["data"]
    line = f"{event['time']} {event['subject']} {event['sequence']}"
    # A drain's events tell of a host, and some of them of one of its guests.
    name = data["guest"].get("name") if "guest" in data else None
    line += f" {name or data['host']}: {data['kind']}"
    if "runsAt" in data:
        line += f", runs on {data['runsAt']}"
    reasons = "; ".join(
        f"{reason['message']} [{reason['code']}]"
        for reason in data.get("reasons", [])
    )
    return f"{line}: {reasons}" if reasons else line


def is_honest(method, event):
    """Whether an event is of the host that it says it is of: the broker lets
    an agent use the keys of its own host alone."""
    _, _, cluster, _, host = event["source"].split("/")
    key = method.routing_key
    return method.exchange == EVENTS and key.startswith(f"{cluster}.{host}.")


def monitor(channel, arguments):
    # A stream wants a prefetch and acknowledgements; reading takes nothing
    # away from it.
    channel.basic_qos(prefetch_count=100)
    last = {}
    deliveries = channel.consume(
        HISTORY,
        arguments={"x-stream-offset": arguments.since},
        inactivity_timeout=arguments.until_idle,
    )
    for method, properties, body in deliveries:
        if method is None:
            return
        event = json.loads(body)
        # A program that stores what it reads stores the offset with it,
        # properties.headers["x-stream-offset"], and begins one after it the
        # next time.
        mine = is_honest(method, event) and (
            arguments.cluster is None
            or event["source"].startswith(f"/clusters/{arguments.cluster}/")
        )
        # An event may come twice; source and sequence tell.
        key = (event["source"], event["subject"])
        if mine and event["sequence"] > last.get(key, ""):
            last[key] = event["sequence"]
            print(describe(event), flush=True)
        channel.basic_ack(method.delivery_tag)


def main():
    arguments = parse_arguments()
    try:
        with pika.BlockingConnection(arguments.broker) as connection:
            monitor(connection.channel(), arguments)
    except pika.exceptions.AMQPError as error:
        print(
            f"lost the broker, or it has no queue {HISTORY}: {error!r}",
            file=sys.stderr,
        )
        return UNAVAILABLE
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
