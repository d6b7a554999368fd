# A TLS server as a course writes it: one peer, one answer, and close.
import socket, ssl, sys

host, port, cert = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert)
if len(sys.argv) > 4:
    context.load_verify_locations(sys.argv[4])
    context.verify_mode = ssl.CERT_REQUIRED
server = socket.create_server((host, port))
print(server.getsockname()[1], flush=True)
while True:
    conn, _ = server.accept()
    try:
        conn = context.wrap_socket(conn, server_side=True)
        data = conn.recv(1024)
        conn.sendall(data.decode().upper().encode())
    except (OSError, ssl.SSLError) as error:
        print("refused:", getattr(error, "reason", error), flush=True)
    conn.close()
