# Proves who it is by SCRAM-SHA-256, says one thing and prints the answer. HOST PORT USER TEXT, and a CA file for TLS; the
# password is the first line of the input.
import base64
import hashlib
import hmac
import os
import socket
import ssl
import sys
import unicodedata

host, port, user, text, *ca = sys.argv[1:]
password = unicodedata.normalize('NFKC', sys.stdin.readline().rstrip('\n')).encode()
sock = socket.create_connection((host, int(port)))
if ca:
    sock = ssl.create_default_context(cafile=ca[0]).wrap_socket(sock, server_hostname=host)
stream = sock.makefile('rwb')


def say(line):
    stream.write(line.encode() + b'\n')
    stream.flush()


def hear(word):
    line = stream.readline(4096).decode()
    if not line.startswith(word + ' '):
        sys.exit('refused: ' + (line.strip() or 'the server closed'))
    return line[len(word) + 1:].strip()


def encode(data):
    return base64.b64encode(data).decode()


def mac(key, message):
    return hmac.digest(key, message.encode(), 'sha256')


if 'SCRAM-SHA-256' not in hear('sockeye-auth 1').split():
    sys.exit('the server does not offer SCRAM-SHA-256')
nonce = encode(os.urandom(18))
first = 'n=' + user.replace('=', '=3D').replace(',', '=2C') + ',r=' + nonce
say('SCRAM-SHA-256 ' + encode(('n,,' + first).encode()))
challenge = base64.b64decode(hear('+')).decode()
theirs = dict(field.split('=', 1) for field in challenge.split(','))
if not theirs['r'].startswith(nonce) or not 4096 <= int(theirs['i']) <= 10_000_000:
    sys.exit('not a challenge to answer')
salted = hashlib.pbkdf2_hmac('sha256', password, base64.b64decode(theirs['s']), int(theirs['i']))
key = mac(salted, 'Client Key')
final = 'c=biws,r=' + theirs['r']
signed = ','.join([first, challenge, final])
proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), signed)))
say(encode((final + ',p=' + encode(proof)).encode()))
expected = 'v=' + encode(mac(mac(salted, 'Server Key'), signed))
if not hmac.compare_digest(base64.b64decode(hear('ok')), expected.encode()):
    sys.exit('the server does not know the password')

stream.write(text.encode())
stream.flush()
print(stream.read1(1024).decode())
