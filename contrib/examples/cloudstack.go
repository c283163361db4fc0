// Moves a running Instance with its volumes to another host by CloudStack's interface, which `longshore gateway` answers, with the client
// cloudstack-go. Nothing in it knows of Longshore.
//
//	go mod init move && go get github.com/apache/cloudstack-go/v2 && go build
//	CLOUDSTACK_ENDPOINT=http://host:8080/client/api CLOUDSTACK_KEY=… CLOUDSTACK_SECRET=… ./move web-1 kvm2 fast
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/apache/cloudstack-go/v2/cloudstack"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: move INSTANCE HOST POOL")
	}
	// It waits for the ends of jobs, for an hour.
	cloud := cloudstack.NewAsyncClient(
		os.Getenv("CLOUDSTACK_ENDPOINT"), os.Getenv("CLOUDSTACK_KEY"), os.Getenv("CLOUDSTACK_SECRET"), true)
	cloud.AsyncTimeout(3600)

	machine, _, err := cloud.VirtualMachine.GetVirtualMachineByName(os.Args[1])
	check(err)
	fmt.Printf("%s is %s on %s\n", machine.Name, machine.State, machine.Hostname)
	host, _, err := cloud.Host.GetHostByName(os.Args[2])
	check(err)
	pool := poolOf(cloud, host.Id, os.Args[3])

	list := cloud.Volume.NewListVolumesParams()
	list.SetVirtualmachineid(machine.Id)
	volumes, err := cloud.Volume.ListVolumes(list)
	check(err)
	pools := map[string]string{}
	for _, volume := range volumes.Volumes {
		pools[volume.Id] = pool
	}
	// Its versions differ in what the constructor takes.
	order := &cloudstack.MigrateVirtualMachineWithVolumeParams{}
	order.SetVirtualmachineid(machine.Id)
	order.SetHostid(host.Id)
	order.SetMigrateto(pools)
	moved, err := cloud.VirtualMachine.MigrateVirtualMachineWithVolume(order)
	check(err)
	fmt.Printf("%s is %s on %s\n", moved.Name, moved.State, moved.Hostname)
}

// The id of a host's pool of a name. ListStoragePoolsParams has no host.
func poolOf(cloud *cloudstack.CloudStackClient, host, name string) string {
	list := &cloudstack.CustomServiceParams{}
	list.SetParam("hostid", host)
	list.SetParam("name", name)
	var pools cloudstack.ListStoragePoolsResponse
	check(cloud.Custom.CustomRequest("listStoragePools", list, &pools))
	if len(pools.StoragePools) != 1 {
		log.Fatalf("the host has %d pools of the name %s", len(pools.StoragePools), name)
	}
	return pools.StoragePools[0].Id
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
