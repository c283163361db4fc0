// Moves a guest to another host and waits for the end: an example for those who write orchestrators. The messages are
// described in ../asyncapi.yaml.
//
//	go mod init migrate && go get github.com/rabbitmq/amqp091-go && go build
//	./migrate north kvm1 kvm2 web-1
//
// The broker's URL, which may have a password, is in the environment: LONGSHORE_BROKER.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

type reason struct{ Code, Message string }

type reply struct {
	Type    string
	Reasons []reason
}

type event struct {
	Subject, Sequence, Time string
	Data                    struct {
		Kind    string
		RunsAt  string
		Reasons []reason
	}
}

// A queue that the broker names and that goes with the connection. Its name is the key where none is given.
func bound(channel *amqp.Channel, exchange, key string) (string, <-chan amqp.Delivery) {
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	check(err)
	if key == "" {
		key = queue.Name
	}
	check(channel.QueueBind(queue.Name, key, exchange, false, nil))
	deliveries, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	check(err)
	return queue.Name, deliveries
}

func main() {
	broker := os.Getenv("LONGSHORE_BROKER")
	if len(os.Args) != 5 || broker == "" {
		log.Fatal("usage: LONGSHORE_BROKER=URL migrate CLUSTER SOURCE DESTINATION GUEST")
	}
	cluster, source := os.Args[1], os.Args[2]
	connection, err := amqp.Dial(broker)
	check(err)
	defer connection.Close()
	channel, err := connection.Channel()
	check(err)
	check(channel.Confirm(false))

	// All subscriptions stand before the order is sent: nothing is missed.
	address, replies := bound(channel, "longshore.replies", "")
	_, events := bound(channel, "longshore.events", cluster+"."+source+".#")
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))

	id := newID()
	body, err := json.Marshal(map[string]any{
		"schema": 1, "type": "migrate", "id": id, "guest": os.Args[4],
		"destination": map[string]any{"host": os.Args[3]},
	})
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	confirm, err := channel.PublishWithDeferredConfirmWithContext(
		ctx, "longshore.requests", cluster+"."+source, true, false, amqp.Publishing{
			ContentType: "application/json", DeliveryMode: amqp.Persistent,
			MessageId: id, CorrelationId: id, ReplyTo: address, Body: body,
			// A day later it is not done any more.
			Timestamp: time.Now(),
		})
	check(err)
	if !confirm.Wait() {
		log.Fatal("the broker did not take the order: send it again with the same id")
	}
	select {
	case <-returned:
		log.Fatal("no agent of that name has ever run")
	default:
	}
	fmt.Println("ordered", id)

	for last := ""; ; {
		select {
		case delivery, open := <-replies:
			if !open {
				log.Fatal("lost the broker: ask for the status of ", id)
			}
			var answer reply
			check(json.Unmarshal(delivery.Body, &answer))
			fmt.Println(answer.Type)
			if answer.Type == "rejected" {
				log.Fatal(answer.Reasons)
			}
		case delivery, open := <-events:
			if !open {
				log.Fatal("lost the broker: ask for the status of ", id)
			}
			var told event
			check(json.Unmarshal(delivery.Body, &told))
			// An event may come twice; the ten digits of a sequence compare as numbers do.
			if told.Subject != id || told.Sequence <= last {
				continue
			}
			last = told.Sequence
			fmt.Println(told.Time, told.Data.Kind, told.Data.Reasons)
			switch told.Data.Kind {
			case "completed", "failed", "cancelled":
				fmt.Println("the guest runs on", told.Data.RunsAt)
				return
			}
		}
	}
}

func newID() string {
	b := make([]byte, 16)
	_, err := rand.Read(b)
	check(err)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
