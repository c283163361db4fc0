#!/usr/bin/env python3
"""Moves a guest with its disks by CloudStack's interface, which `longshore gateway` answers.

It uses `cs`, a client of CloudStack's.

  cloudstack.py --endpoint http://host:8080/client/api --key KEY --secret SECRET \\
      move GUEST --to HOST --pool POOL
  cloudstack.py … call listVolumes virtualmachineid=UUID

Nothing in it knows of Longshore: the same lines move a guest of CloudStack's. Ends with 0 where
all went well, 1 where the job has failed, and 3 where a request was refused; both are told as one
line of JSON on standard output.
"""

import argparse
import json
import sys
import time

from cs import CloudStack, CloudStackApiException


def one(rows, what):
    """The only one of some rows."""
    if len(rows) != 1:
        sys.exit(f"there is not one {what} but {len(rows)}")
    return rows[0]


def show(volume):
    """Prints where a volume is."""
    print(f"{volume['name']} {volume['type']} {volume['size']} {volume['storage']}", flush=True)


def move(cloud, guest, host_name, pool_name, job_id):
    """Moves a running guest to a host, its disks into one pool there, and shows how far it is."""
    machines = cloud.listVirtualMachines(name=guest, listall=True, fetch_list=True)
    machine = one(machines, f"machine {guest}")
    volumes = cloud.listVolumes(virtualmachineid=machine["id"], listall=True, fetch_list=True)
    hosts = cloud.listHosts(type="Routing", fetch_list=True)
    host = one([row for row in hosts if row["name"] == host_name], f"host {host_name}")
    pools = cloud.listStoragePools(hostid=host["id"], name=pool_name, fetch_list=True)
    pool = one(pools, f"pool {pool_name} of {host_name}")
    print(f"{machine['name']} is {machine['state']} on {machine['hostname']}", flush=True)
    for volume in volumes:
        show(volume)
    parameters = {"customjobid": job_id} if job_id else {}
    migrate_to = [{"volume": volume["id"], "pool": pool["id"]} for volume in volumes]
    job = cloud.migrateVirtualMachineWithVolume(
        virtualmachineid=machine["id"], hostid=host["id"], migrateto=migrate_to, **parameters)
    job = job["jobid"]
    print(f"job {job}", flush=True)
    shown = None
    while True:
        answer = cloud.queryAsyncJobResult(jobid=job)
        if answer["jobprocstatus"] != shown:
            shown = answer["jobprocstatus"]
            print(f"{shown} %", flush=True)
        if answer["jobstatus"] != 0:
            break
        time.sleep(0.5)
    result = answer["jobresult"]
    if answer["jobstatus"] != 1:
        kept = {key: answer[key] for key in ("jobstatus", "jobresultcode")}
        print(json.dumps({**kept, **result}))
        return 1
    machine = result["virtualmachine"]
    for volume in cloud.listVolumes(virtualmachineid=machine["id"], listall=True, fetch_list=True):
        show(volume)
    print(f"{machine['name']} is {machine['state']} on {machine['hostname']}")
    return 0


def call(cloud, command, words):
    """Calls one command; a parameter is NAME=VALUE, and its value may be JSON."""
    parameters = {}
    for word in words:
        name, _, value = word.partition("=")
        parameters[name] = json.loads(value) if value[:1] in ("[", "{") else value
    print(json.dumps(getattr(cloud, command)(**parameters)))
    return 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--method", choices=["get", "post"], default="get")
    parser.add_argument("--timeout", type=int, default=60, help="of one request, in seconds")
    parser.add_argument(
        "--expires", type=int, default=600,
        help="how long a signature is good, in seconds; below 0 for ever")
    commands = parser.add_subparsers(dest="action", required=True)
    mover = commands.add_parser("move", help="move a guest and wait for the job's end")
    mover.add_argument("guest")
    mover.add_argument("--to", required=True, help="the host")
    mover.add_argument("--pool", required=True, help="the pool for all disks")
    mover.add_argument("--job", help="the job's id, a UUID: the same id again is the same job")
    caller = commands.add_parser("call", help="call one command and print its answer")
    caller.add_argument("command")
    caller.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    options = parser.parse_args()
    cloud = CloudStack(
        endpoint=options.endpoint, key=options.key, secret=options.secret, method=options.method,
        timeout=options.timeout, expiration=options.expires)
    try:
        if options.action == "move":
            return move(cloud, options.guest, options.to, options.pool, options.job)
        return call(cloud, options.command, options.parameters)
    except CloudStackApiException as error:
        print(json.dumps({"status": error.response.status_code, **error.error}))
        return 3


if __name__ == "__main__":
    sys.exit(main())
