# Every sentence that sockeye says to a person, in English. The same keys stand in zh-CN.ftl; tests hold them together.
# Errors are lower case without a final stop. Words in backquotes are typed as they stand.

## How an error, a warning and their hints are put together

error = error[{ $code }] { $subject }: { $sentence }
error-bare = error[{ $code }]: { $sentence }
warning = warning[{ $code }] { $subject }: { $sentence }
warning-bare = warning[{ $code }]: { $sentence }
error-session = #{ $session } { $error }
with-detail = { $sentence } ({ $detail })
hint = hint: { $hint }
where = where: { $layer }, { $side }
layer-usage = the command line
layer-file = a file
layer-name = name resolution
layer-transport = the transport
layer-security = security
layer-framing = the framing
layer-application = the conversation
side-here = on this side
side-peer = on the peer's side
side-path = on the way
side-unknown = side unknown

lines-left-out = ({ $count } lines are left out here: nobody read them)

## Errors, by code. `.hint` says what to try; `.near` replaces it when a similar word is known

error-usage = { $what ->
    [missing] { $name } is missing
    [extra] nothing more is expected here, but there is { $name }
    [value] { $name } needs a value
    [no-value] { $name } takes no value
    [conflict] { $name } does not go with what else was given
    [not-utf8] an argument is not UTF-8
   *[other] the words do not fit together
  }
    .hint = see `{ $help }`
error-bad-endpoint = { $endpoint } is no endpoint
    .hint = an endpoint is host:port, :port, - or a URL such as tcp://127.0.0.1:9000
error-bad-port = { $port } is no port
    .hint = a port is a number from 0 to 65535; 0 picks a free one when listening
error-unknown-scheme = { $name } is no transport
    .hint = `sockeye list transports` shows what there is
    .near = did you mean { $near }? `sockeye list transports` shows what there is
error-unknown-layer = { $name } is no layer that is built in
    .hint = write the endpoint without it, as in tcp://host:port
    .near = did you mean { $near }?
error-unfit-layer = { $name } needs a stream, and { $scheme } carries datagrams
    .hint = use it over tcp or unix; DTLS is not built in
error-unknown-parameter = endpoints have no parameter { $name }
    .hint = `sockeye --help` names the parameters, which are flags too
    .near = did you mean { $near }?
error-repeated-parameter = { $name } is given twice
    .hint = keep one of them; a flag wins over the URL
error-bad-value = { $value } is no value for { $name }
    .detailed = use one of those in parentheses
    .hint = durations are 500ms or 2s, sizes 64k or 1m; `--help` says what each flag takes
error-unfit-parameter = { $name } means nothing on { $scheme }
    .hint = leave it out; `sockeye list transports` shows what each transport takes
error-unknown-framing = { $name } is no framing
    .hint = `sockeye list framings` shows what there is
    .near = did you mean { $near }? `sockeye list framings` shows what there is
error-bad-framing = { $value } cannot be read as a framing
    .hint = it is written { $syntax }; `sockeye list framings` has examples
error-bad-network = { $value } is no network
    .hint = a network is an address, such as 10.0.0.5, or a prefix, such as 10.0.0.0/8 or 2001:db8::/32; commas between several
    .near = after the prefix all bits are zero: did you mean { $near }? An address alone stands without a slash
error-unfit-framing = the framing { $framing } does not fit { $scheme }
    .hint = datagrams are whole messages already; streams take any framing but dgram
error-unknown-service = { $name } is no service
    .hint = `sockeye list services` shows what there is
    .near = did you mean { $near }? `sockeye list services` shows what there is
error-unknown-verb = { $name } is no verb
    .hint = `sockeye --help` shows the verbs; an endpoint has a colon, as in 127.0.0.1:9000
    .near = did you mean `sockeye { $near }`?
error-unknown-flag = there is no flag { $name }
    .hint = `--help` after the verb shows its flags; to send a word that begins with a dash, put -- before it
    .near = did you mean { $near }?
error-bad-pattern = { $value } is no pattern with an answer
    .hint = write PATTERN=ANSWER, where PATTERN is text, /regular expression/ or hex:
error-bad-template = the template { $value } does not work
    .hint = templates are Jinja, as in {"'{{typed}},{{message}}'"}; they know typed, message and peer
error-bad-hex = { $value } is no hex
    .hint = two hex digits make a byte, as in 48 65 6c; spaces are free
error-unknown-charset = { $name } is no character set
    .hint = `sockeye list charsets` shows what there is
    .near = did you mean { $near }?
error-not-in-charset = { $charset } has no character { $character }
    .hint = use --enc utf-8 or gb18030, which have every character, or leave it out
error-datagram-too-long = a datagram of { $size } bytes cannot be sent: at most { $max } fit
    .hint = send less at once, or use a stream: tcp has no such limit
error-unframeable = the framing { $framing } cannot carry a message of { $size } bytes
    .hint = use a framing with a wider length, such as u32be, or send less at once
error-no-file = there is no file { $path }
    .hint = check the name and the directory
error-bad-file = { $path } cannot be read
    .hint = correct what stands in parentheses
error-unknown-key = { $path } has a key that does not exist: { $name }
    .hint = the keys are endpoint, service, args, and the long names of serve's flags
    .near = did you mean { $near }?
error-exec-not-allowed = { $path } would run programs
    .hint = read the file; if you trust it, add --allow-exec
error-unresolved = the name { $name } has no address
    .hint = check the spelling and the name server, or write the address itself
error-refused = connection refused
    .hint = nothing listens there, or a firewall turns you away; start the server, or check host and port
error-unreachable = there is no way to it
    .hint = check the address, the route and whether the network is up
error-port-unreachable = nobody listens at that UDP port
    .hint = start the server, or check host and port; UDP learns this only after it has sent something
error-taken = the address is taken
    .owned = the address is taken by { $owner }
    .hint = choose another port (:0 picks a free one), or end the program that has it
error-denied = the system does not allow { $address }
    .hint = ports below 1024 need a privilege, and files need the rights: take a higher port or another path
error-not-ours = { $address } is no address of this machine
    .hint = listen on any:PORT for every interface, or on an address that this machine has
error-cannot-connect = it did not work
    .hint = what stands in parentheses is the system's own reason
error-cannot-start = { $command } cannot be started
    .hint = check that the program exists and may be run
error-connect-timeout = no connection after { $after }
    .hint = packets seem to vanish: a wrong address, a firewall, or a host that is off; -t waits longer
error-handshake-timeout = the { $layer } handshake did not end within { $after }
    .hint = is it a { $layer } server or client at the other end? A peer that speaks another protocol may just wait
error-timeout = no answer after { $after }
    .hint = the peer is silent: does it wait for a line ending or more, or never answer? -t waits longer
error-idle = nothing moved for { $after }
    .hint = --idle sets how long a silent session may last
error-session-time = the session was open for { $after }, and no longer is allowed
    .hint = --max-session-time sets how long a session may last
error-frame-timeout = a frame ({ $framing }) was begun and not ended within { $after }
    .hint = the peer drips, hangs, or uses another framing (-F raw shows what it sends); --frame-timeout allows more time
error-reset = the peer cut the connection (RST)
    .hint = it closed with input unread, crashed, or turned you away; its own log may say why
error-broken = the connection broke
    .hint = what stands in parentheses is the system's own reason
error-bad-frame = these bytes are no { $framing } frame: { $bytes }
    .hint = the peer may use another framing: -F raw shows what it sends
error-oversize = a frame of { $size } bytes ({ $framing }) is over the limit of { $max }: { $bytes }
    .hint = the peer may use another framing (-F raw shows what it sends); if not, raise --max-message, or the framing's own max:
error-truncated = the stream ended within a frame ({ $framing }), { $have } bytes into it: { $bytes }
    .hint = the peer stopped halfway, or uses another framing: -F raw shows what it sends
error-early-fin = the peer closed before it answered
    .hint = it may dislike the message, expect a framing or line ending, or have had enough
error-overflow = the peer does not read: { $waiting } bytes wait for it, { $max } are allowed
    .hint = its program is stuck or too slow; --max-waiting allows more
error-hoards = all sessions together hold over { $max } bytes, and this one most of them: { $size }
    .hint = it sends long messages slowly, or does not read; --max-memory allows more, --max-message and --max-waiting bound each session
error-internal = a service failed by a fault of its own
    .hint = this is a bug in sockeye: please report what you did
error-over-limit = { $limit ->
    [descriptors] no descriptors are left to accept with
   *[other] turned away by the limit { $limit }
  }
    .hint = { $limit ->
        [descriptors] raise `ulimit -n`, or keep --max-at-once below it
       *[other] `sockeye serve --help` names the flag that sets it
      }

## Help: headings and sentences of the whole program

about = a workbench for sockets: talk to any socket, answer on any socket, see what happened in between
help-usage = usage
help-verbs = verbs
help-services = services
help-words = words
help-own = flags
help-serve = flags of serve
help-common = flags of every verb
help-examples = examples
help-more = `sockeye VERB --help` tells more; `sockeye list` shows what is built in
help-first-word = a first word with a colon, or -, means connect

## Verbs

verb-serve = answer on a socket
verb-serve-long = without words: sockeye.toml if it is there, else a welcome set of services on loopback
verb-connect = talk to a socket
verb-connect-long = on a terminal each line is a message; bytes from a pipe pass unchanged
verb-ask = send messages, print the replies, exit
verb-ask-long = each MESSAGE goes out exactly as given; hex:48656c and b64:SGVs are bytes, text:hex:48 is those letters. A framed or datagram reply is one message; a raw reply is all that comes until FIN or silence
verb-proxy = relay between two sockets
verb-proxy-long = each connection to LISTEN is passed on to TARGET, both ways, ends included
verb-list = show what is built in
verb-list-long = TOPIC is one of { $topics }
verb-nc = netcat's letters, meaning what they mean there
verb-nc-long = without -N the end of stdin sends no FIN, as there; with -l it listens on every interface, as there

## Words of verbs

word-endpoint = host:port, :port (loopback), any:port (every interface), - or a URL
word-message = what to send
word-listen = the endpoint to listen on
word-target = the endpoint to pass on to
word-topic = what to show
word-service = what to answer with
word-args = words of the service
word-command = the program and its arguments
word-host = a name or an address; with -U a path; with -l the port may stand here
word-port = a port, or with -z a range such as 20-25

## Flags of every verb

flag-frame = how a stream is cut into messages: { $names }
flag-enc = how text is written on the wire: utf-8, gbk, big5 and others
flag-hex = type hex, see a hex dump
flag-raw = do not escape what peers send, on a terminal
flag-json = events instead of payload on stdout, one JSON object a line
flag-verbose = tell more: -v events, -vv messages, -vvv hex dumps
flag-color = colours: auto, always or never
flag-lang = language: en or zh-CN
flag-timeout = time to connect, or for ask to do it all: 500ms, 2s
flag-idle = end a session in which nothing moved for this long
flag-bind = the address to connect from
flag-mcast = multicast group to join, or the interface to send on
flag-ttl = hops a datagram may go
flag-nodelay = send small writes at once: true (the default) or false
flag-max-message = the longest message a framing takes, as in 64k or 1m
flag-seed = where randomness starts, to repeat a run
flag-generate = print complete-SHELL (bash, elvish, fish, powershell, zsh) or man, and exit
flag-help = show this help
flag-version = show the version

## Flags of the layers

help-layers = TLS, WebSocket, identity
flag-ca = authorities to trust, PEM; the system's if not given
flag-cert = our certificate and its chain, PEM
flag-key = the private key of the certificate, PEM
flag-client-ca = serve: ask clients for certificates of these authorities, PEM
flag-sni = the name to ask for and to check, if not the host's
flag-alpn = application protocols to offer or accept, best first
flag-pin = the key the server must have, instead of a chain and a name
flag-insecure = accept any certificate: anyone in between can read and change all
flag-self-signed = serve: make a certificate for this run and print its pin
flag-keylog = append TLS secrets to FILE, for Wireshark (or SSLKEYLOGFILE)
flag-path = the path of a WebSocket
flag-header = a header field of the WebSocket upgrade; may stand several times
flag-subprotocol = WebSocket subprotocols to offer or accept, best first
flag-origin = the Origin to send, or those to accept; * accepts any
flag-via = go through a proxy: socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT
flag-user = the name to log in with; the password is asked for
flag-password-file = read the password from FILE (or SOCKEYE_PASSWORD)
flag-token-file = log in with the token in FILE (or SOCKEYE_TOKEN)
flag-users = serve: the file of those who may come in (sockeye user add)

## Flags of serve and proxy

flag-once = end after one session
flag-max-sessions = end after this many sessions
flag-allow = networks that may come in, such as 10.0.0.0/8,::1; without it all may
flag-deny = networks that may not, whatever --allow says
flag-max-at-once = sessions at once, in all
flag-max-per-address = sessions at once from one address (IPv6: from one /64)
flag-rate-per-address = new connections a second from one address (IPv6: from one /64)
flag-max-pending = handshakes at once: from the first N on % are turned away, at the last N all; 512:30:2048
flag-tls-timeout = how long a TLS handshake may take; 10s
flag-header-timeout = how long a WebSocket upgrade or PROXY header may take; 5s
flag-auth-timeout = how long a login may take; 10s
flag-frame-timeout = how long a frame that was begun may take to be whole; without it for ever
flag-max-session-time = end a session after this long, whatever it does
flag-max-rate = bytes a second that are read from one peer
flag-max-waiting = bytes that may wait for one slow peer
flag-max-memory = bytes that all sessions may hold: waiting, or of messages not whole yet; 256m
flag-drain = how long sessions may go on after an interrupt
flag-metrics = answer GET /metrics there, for Prometheus
flag-allow-exec = let sockeye.toml run programs

## Flags of connect and ask

flag-eol = what ends a typed line: lf, crlf, cr, nul or none
flag-number = messages that make a reply, when framed
flag-quiet = silence that ends a raw reply

## Letters of nc

nc-listen = listen
nc-udp = datagrams instead of a stream
nc-keep = with -l, take one caller after another
nc-finish = send FIN at the end of stdin
nc-quit = quit this many seconds after the end of stdin
nc-wait = give up after this many seconds without a connection or without traffic
nc-zero = only look whether the ports answer
nc-numeric = addresses only, no names
nc-local-port = the port to connect from
nc-source = the address to connect from
nc-four = IPv4 only
nc-six = IPv6 only
nc-unix = Unix sockets

## What is built in

topic-transports = what carries bytes or datagrams
topic-framings = how a stream is cut into messages
topic-services = what serve answers with
topic-charsets = how text is written on the wire
topic-verbs = what sockeye does
topic-codes = what errors are called, and the exit code of each

transport-tcp = a stream over IPv4 or IPv6
transport-udp = datagrams over IPv4 or IPv6, multicast and broadcast too
transport-unix = a stream on this machine, by file
transport-unixgram = datagrams on this machine, by file
transport-stdio = this program's stdin and stdout, written -

framing-raw = no framing: a message is what one read gave
framing-dgram = each datagram is a message
framing-line = a message ends at LF
framing-crlf = a message ends at CR LF
framing-nul = a message ends at a zero byte
framing-delim = a message ends at these bytes
framing-fixed = every message has this many bytes
framing-wrap = a message stands between two marks
framing-cobs = consistent overhead byte stuffing, ended by a zero byte
framing-slip = SLIP, RFC 1055
framing-length = a length, then the message; off, adj, magic, tail and max shape the frame

service-ack = answers the first message, then closes
service-ack-keep = answer every message
service-receive = writes what comes to stdout, never answers
service-upper = answers with ASCII letters raised
service-upper-unicode = raise letters of every script
service-echo = answers with what came (RFC 862)
service-discard = takes everything, answers nothing (RFC 863)
service-chargen = sends characters without end (RFC 864)
service-daytime = says the time in words (RFC 867)
service-time = says the time in four bytes (RFC 868)
service-reply = answers by pattern; the first that matches wins
service-reply-on = PATTERN=ANSWER; PATTERN is text, /regular expression/ or hex:
service-reply-default = the answer when no pattern matches
service-chat = you answer, at the terminal or from a pipe
service-chat-turns = strictly one line each; lines typed out of turn are held
service-chat-first = who says the first line
service-chat-one-at-a-time = later callers wait in line
service-chat-bye = this word, from either side, ends the session
service-chat-template = builds what is sent from typed, message and peer (Jinja)
service-exec = runs a program for each session, its stdin and stdout on the socket
service-forward = passes everything on to another endpoint

## Events for people

event-connecting = trying { $remote }
event-resolved = { $name } is { $addresses }
event-accepted = { $remote } came to { $local }
event-connected = connected to { $remote } from { $local }
event-upgraded = { $to } stands: { $facts }
event-authenticated = { $user } is who it says, by { $mechanism }
event-half-closed-in = the peer will send no more
event-half-closed-out = we will send no more
event-reset-in = the peer cut the connection
event-reset-out = we cut the connection
event-timeout = time is up: { $what }
event-refused = turned { $remote } away: { $reason }
event-closed = closed: { $messages_in } in ({ $bytes_in } bytes), { $messages_out } out ({ $bytes_out } bytes)

## Notes

note-config-found = serving what { $path } says
note-answers = { $service } answers on { $url }
note-welcome = welcome set: every service on loopback; interrupt to end
note-not-in-charset = not sent: { $charset } has no character { $character }
note-bad-hex = not sent: { $value } is no hex
note-nc-open = connection to { $host } port { $port } ({ $transport }) succeeded
note-nc-shut = connection to { $host } port { $port } ({ $transport }) failed: { $why }
note-datagram-too-long = not sent: a datagram of { $size } bytes is too long, at most { $max } fit
note-draining = stopping: { $sessions } still open, for at most { $limit }; interrupt again to end at once
note-refused = refused connections: { $count } ({ $reasons }); the last from { $remote }
note-refused-in-all = refused connections in all: { $count } ({ $reasons })
note-left-out = errors left out here, as they come too fast: { $count } ({ $codes })
note-metrics = metrics on { $url }
note-chat-came = #{ $number } ({ $peer }) is here
note-chat-waits = #{ $number } ({ $peer }) waits in line; waiting: { $count }
note-chat-next = #{ $number } ({ $peer }) is next and spoken to now; waiting: { $count }
note-chat-went = #{ $number } ({ $peer }) is gone
note-chat-waiter-went = #{ $number } ({ $peer }) left the line; waiting: { $count }
note-chat-speaker = #{ $number } ({ $peer }) says:
note-chat-held = held until it can be said
note-chat-full = not taken: { $count } lines wait already
note-chat-unsent = #{ $number } is gone before { $count } lines were sent to it
note-chat-empty = not sent: a stream without framing cannot carry an empty line
note-chat-nobody = nobody here is #{ $number }; /who lists who is here
note-chat-not-yet = #{ $number } still waits in line
note-chat-who-talks = #{ $number } ({ $peer }) is spoken to
note-chat-who-waits = #{ $number } ({ $peer }) waits in line
note-chat-who-nobody = nobody is here
note-chat-unknown-command = no such command: { $line }; there are /to NUMBER WORDS and /who, and // sends a slash
note-chat-template-failed = not sent: the template fails on this line ({ $detail })
note-chat-template-too-long = not sent: the template made { $size } bytes, at most { $max } fit
