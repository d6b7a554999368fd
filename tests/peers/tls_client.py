# A TLS client as a course writes it: a line of input out, an answer in.
import socket, ssl, sys

host, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)
if len(sys.argv) > 4:
    context.load_cert_chain(sys.argv[4])
try:
    with socket.create_connection((host, port)) as raw, context.wrap_socket(raw, server_hostname=host) as client:
        client.sendall(input().encode())
        print(client.recv(1024).decode())
except ssl.SSLError as error:
    print("refused:", getattr(error, "verify_message", None) or error.reason)
    sys.exit(5)
