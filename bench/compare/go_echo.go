// A line echo as one writes it in Go: a goroutine a connection, a buffered reader and writer, flushed when nothing more
// is there to read.
//
//	go_echo PORT
package main

import (
	"bufio"
	"log"
	"net"
	"os"
)

func serve(peer net.Conn) {
	defer peer.Close()
	in, out := bufio.NewReader(peer), bufio.NewWriter(peer)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if _, err := out.Write(line); err != nil {
			return
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		peer, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(peer)
	}
}
