#!/usr/bin/env python3
"""Moves a guest to another host and waits for the end.

An example for those who write orchestrators. The messages are described in
../asyncapi.yaml.
Exit status: 0 completed, 1 failed, 2 cancelled, 3 rejected, 64 wrong usage,
69 no agent or no broker, 130 interrupted.
"""

import argparse
import json
import os
import ssl
import sys
import time
import urllib.parse
import uuid

import pika
import pika.exceptions

ENDS = {"completed": 0, "failed": 1, "cancelled": 2}
REJECTED, USAGE, UNAVAILABLE = 3, 64, 69


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def broker(url):
    """The broker of a URL, with the certificates that it names as RabbitMQ's
    own clients have it: cacertfile, certfile, keyfile and
    server_name_indication."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("amqp", "amqps"):
        raise ValueError(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    files = {key: query.pop(key, None) for key in ("certfile", "keyfile")}
    authority = query.pop("cacertfile", None)
    name = query.pop("server_name_indication", parts.hostname)
    rest = parts._replace(query=urllib.parse.urlencode(query))
    parameters = pika.URLParameters(urllib.parse.urlunsplit(rest))
    if parts.scheme == "amqps":
        context = ssl.create_default_context(cafile=authority)
        if files["certfile"]:
            context.load_cert_chain(**files)
        parameters.ssl_options = pika.SSLOptions(context, name)
    return parameters


def parse_arguments():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--broker",
        type=broker,
        default=os.environ.get("LONGSHORE_BROKER", "amqp://localhost"),
        help="an amqp:// or amqps:// URL; one with a password belongs into"
        " the environment, as LONGSHORE_BROKER, where others do not see it",
    )
    parser.add_argument("--cluster", required=True)
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="HOST",
        help="the host that runs the guest",
    )
    parser.add_argument(
        "--to", dest="destination", required=True, metavar="HOST"
    )
    parser.add_argument("--guest", required=True, help="its name or UUID")
    parser.add_argument(
        "--pool",
        help="the destination's pool; without it, pools of the same names",
    )
    parser.add_argument(
        "--id",
        default=str(uuid.uuid4()),
        help="the same id again is the same migration",
    )
    return parser.parse_args()


def request_of(arguments):
    request = {
        "schema": 1,
        "type": "migrate",
        "id": arguments.id,
        "cluster": arguments.cluster,
        "host": arguments.source,
        "guest": arguments.guest,
        "destination": {"host": arguments.destination},
    }
    if arguments.pool:
        request["pools"] = {"default": arguments.pool}
    return request


class Follower:
    """Reads what is said of one migration until its end.

    `publish` sends a request; `status` is the exit status once it has ended.
    """

    def __init__(self, migration, publish):
        self.migration = migration
        self.publish = publish
        self.sequence = ""
        self.status = None

    def on_reply(self, channel, method, properties, body):
        reply = json.loads(body)
        channel.basic_ack(method.delivery_tag)
        if reply["type"] == "status":
            for event in reply["migration"].get("events", []):
                self.take(channel, event)
            return
        if reply.get("id") != self.migration:
            return
        print(f"{reply['type']} by {reply['from']['host']}", flush=True)
        if reply["type"] == "rejected":
            print_reasons(reply["reasons"])
            self.end(channel, REJECTED)
        else:
            # Where the id was used before, the migration may be half-way
            # or at its end: its events so far are in its status.
            self.publish(
                {
                    "schema": 1,
                    "type": "status",
                    "id": str(uuid.uuid4()),
                    "migration": self.migration,
                }
            )

    def on_event(self, channel, method, properties, body):
        self.take(channel, json.loads(body))
        channel.basic_ack(method.delivery_tag)

    def take(self, channel, event):
        # An event may come twice. Its ten digits compare as numbers do.
        if (
            event["subject"] != self.migration
            or event["sequence"] <= self.sequence
        ):
            return
        self.sequence = event["sequence"]
        data = event["data"]
        print(f"{event['time']} {data['kind']}", flush=True)
        print_reasons(data.get("reasons", []))
        # needs-attention is not an end: the agents go on, or an operator does.
        if data["kind"] in ENDS:
            print(
                f"the guest runs on {data.get('runsAt', 'no host')}",
                f"after {data['seconds']:.1f} s",
                flush=True,
            )
            self.end(channel, ENDS[data["kind"]])

    def on_progress(self, channel, method, properties, body):
        event = json.loads(body)
        if event["subject"] != self.migration:
            return
        data = event["data"]
        parts = [disk["bytes"] for disk in data["disks"]]
        parts += [
            data[part] for part in ("template", "memory") if part in data
        ]
        total = sum(part["total"] for part in parts)
        done = sum(part["done"] for part in parts)
        percent = 100 * done // total if total else 0
        print(
            f"{event['time']} {data['phase']}:",
            f"{percent} % of {total / 2**20:.0f} MiB",
            flush=True,
        )

    def end(self, channel, status):
        self.status = status
        channel.stop_consuming()


def print_reasons(reasons):
    for reason in reasons:
        print(f"  {reason['message']} [{reason['code']}]", flush=True)


def own_queue(channel):
    """A queue that the broker names and that goes with the connection."""
    return channel.queue_declare(
        "", exclusive=True, auto_delete=True
    ).method.queue


def migrate(channel, arguments):
    # Replies go to longshore.replies, and from there to the queue that is
    # bound with its own name. The exchanges are the agents' to declare: a
    # client needs no right to do so.
    replies = own_queue(channel)
    channel.queue_bind(replies, "longshore.replies", routing_key=replies)

    # With confirms, a return from basic_publish means that the request is in
    # the host's queue; an unroutable one raises UnroutableError.
    channel.confirm_delivery()

    def publish(request):
        channel.basic_publish(
            "longshore.requests",
            f"{arguments.cluster}.{arguments.source}",
            json.dumps(request).encode(),
            pika.BasicProperties(
                content_type="application/json",
                delivery_mode=2,
                message_id=request["id"],
                correlation_id=request["id"],
                reply_to=replies,
                # A day later it is not done any more.
                timestamp=int(time.time()),
            ),
            mandatory=True,
        )

    follower = Follower(arguments.id, publish)
    channel.basic_consume(replies, follower.on_reply)

    # All subscriptions stand before the request is sent: nothing is missed.
    keys = f"{arguments.cluster}.{arguments.source}.#"
    for exchange, callback, automatic in (
        ("longshore.events", follower.on_event, False),
        ("longshore.progress", follower.on_progress, True),
    ):
        queue = own_queue(channel)
        channel.queue_bind(queue, exchange, routing_key=keys)
        channel.basic_consume(queue, callback, auto_ack=automatic)

    publish(request_of(arguments))
    print(f"ordered {arguments.id}", flush=True)
    channel.start_consuming()
    return follower.status


def main():
    arguments = parse_arguments()
    try:
        with pika.BlockingConnection(arguments.broker) as connection:
            status = migrate(connection.channel(), arguments)
    except pika.exceptions.UnroutableError:
        print(
            f"no agent {arguments.source} is in cluster {arguments.cluster}",
            file=sys.stderr,
        )
        return UNAVAILABLE
    except pika.exceptions.ChannelClosedByBroker as error:
        # 404: the exchanges come with the first agent. 403: no permission.
        print(f"the broker refuses: {error.reply_text}", file=sys.stderr)
        return UNAVAILABLE
    except pika.exceptions.AMQPError as error:
        # An accepted migration goes on. Run this again with the same id to
        # follow it.
        print(
            f"lost the broker: {error!r}; the id is {arguments.id}",
            file=sys.stderr,
        )
        return UNAVAILABLE
    return UNAVAILABLE if status is None else status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
