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
error-bad-host = "{ $name }" is no host
    .hint = a host is a name or an address alone, as in example.org, 192.0.2.7 or fe80::1%eth0; --tcp and --udp take a port
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
error-passwords-differ = the two passwords are not the same
    .hint = nothing was changed; type the same password twice
error-unknown-user = { $path } has no user { $name }
    .hint = sockeye user list shows who is there
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
    .near = it belongs to { $near }: write { $near }+{ $scheme }://…, or leave it out
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
error-unfit-trace = { $scheme } sends no packets that could be seen
    .hint = trace takes tcp and udp, and every layer on them: tls, ws, auth
error-unknown-fault = { $name } is no fault that --fault knows
    .hint = `sockeye list faults` shows what there is
    .near = did you mean { $near }? `sockeye list faults` shows what there is
error-bad-fault = --fault { $name } cannot be read
    .hint = it is written { $syntax }; P is from 0 to 1, a TIME 500ms or 2s, a SIZE 64k or 1m
    .near = did you mean { $near }? It is written { $syntax }
error-unfit-fault = the fault { $name } cannot be had on { $scheme }
    .hint = `sockeye list faults` shows what each of them does
    .near = a stream repairs what datagrams suffer, and datagrams have no connection to cut; what comes close here: { $near }
error-unknown-service = { $name } is no service
    .hint = `sockeye list services` shows what there is
    .near = did you mean { $near }? `sockeye list services` shows what there is
error-unknown-verb = { $name } is no verb
    .hint = `sockeye --help` shows the verbs; an endpoint has a colon, as in 127.0.0.1:9000
    .near = did you mean `sockeye { $near }`?
error-unknown-subcommand = `sockeye { $verb }` does not go on with { $name }
    .hint = `sockeye { $verb } --help` shows what there is
    .near = did you mean `sockeye { $verb } { $near }`?
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
    .hint = use a framing with a wider length, such as u32be, or send less at once; a message may not hold the mark that ends it
error-bad-certificate-name = a certificate cannot be for { $name }
    .hint = a server is a name such as app.example, *.app.example or an address, without scheme and port, and other alphabets as xn--…; a client or authority is a line of 1 to 64 characters
error-without-tls = { $endpoint } is without TLS, so nobody shows a certificate there
    .hint = write tls://host:port, or just host:port
error-contradiction = { $name } and { $other } do not go together
    .hint = { $name ->
        [self-signed] it makes a certificate by itself: leave one of them out
        [tap] one report goes to stdout: write the other to a file, as in json=FILE
        [json] one report goes to stdout: write the other to a file, as in tap=FILE
        [pin] pin believes one key, ca the authorities of a file, insecure everybody: keep the one you mean
        [ca] pin believes one key, ca the authorities of a file, insecure everybody: keep the one you mean
        [insecure] pin believes one key, ca the authorities of a file, insecure everybody: keep the one you mean
       *[other] keep the one you mean
      }
error-bad-server-name = { $name } is no name that TLS can ask for
    .hint = it takes a DNS name or an address, without scheme and port; other alphabets as xn--…; --sni gives another name
error-bad-pin = { $value } is no pin
    .hint = a pin is sha256: and 44 characters of base64; `sockeye cert show` and -v tell that of a certificate
error-without-certificate = a TLS server needs a certificate to show
    .hint = --cert FILE --key FILE, or --self-signed for one that is made for this run; `sockeye cert all` makes files
error-no-file = there is no file { $path }
    .hint = check the name and the directory
error-bad-file = { $path } cannot be read
    .hint = correct what stands in parentheses
error-users-kept = { $path } has changed and cannot be read; who could log in before still can, and nobody else
    .hint = correct what stands in parentheses; the file is read again by itself
error-unplayable = { $path }: { $what ->
    [open] no telling what to send for { $value }
    [reopens] { $value } on a connection that was closed: a server has one connection a session
    [secures] { $value } within a session: a server cannot put TLS on by itself
    [several] a second peer takes part, and under load each connection plays the same one
    [listens] the peer listens, and under load it connects
    [upgrades] { $value } within a session: under load a connection is what it was from the beginning
    [no-peer] nobody takes part
   *[empty] there is no step to play
  }
    .hint = { $what ->
        [open] behind the step, say what it may be: like "250 ok"
        [reopens] give each connection a peer of its own: peer c2 connect …
       *[other] docs/skt.md has every step with an example
      }
error-unknown-key = { $path } has a key that does not exist: { $name }
    .hint = the keys are endpoint, service, args, and the long names of serve's flags
    .near = did you mean { $near }?
error-exec-not-allowed = { $path } would run programs
    .hint = read the file; if you trust it, add --allow-exec
error-file-exists = { $path } is there already, so nothing was written
    .hint = --dir DIR writes elsewhere; --force overwrites, and what was signed or pinned with the old key is lost
error-unwritable = { $path } cannot be written
    .hint = what stands in parentheses is the system's own reason; name another place for what is to be written
error-recording-stopped = { $path } can be recorded to no further
    .hint = what it has so far is kept, and the sessions go on; make room, or record elsewhere: --record FILE, --store FILE
error-recording-late = the recording was not written to its end within { $after }, so its last part may be missing
    .hint = the disk takes nothing; the store tells which sessions are whole: sockeye sessions list
error-bad-recording = `{ $value }` is nothing to record to
    .hint = --record takes store, FILE.skt (a conversation file), FILE.pcapng (packets for Wireshark) or FILE.jsonl (events)
    .near = did you mean { $near }? --record takes store, FILE.skt, FILE.pcapng or FILE.jsonl
error-bad-store = { $what ->
    [newer] the store { $path } is of a newer version of sockeye
    [foreign] { $path } is no store of sockeye's
    [busy] the store { $path } is in use by another program, for more than 10 s
    [broken] the store { $path } is damaged
    [full] no room is left for the store { $path }
    [open] the store { $path } cannot be opened
   *[other] the store { $path } cannot be used
 }
    .hint = { $what ->
        [newer] use that version, or name another store: --store FILE, or SOCKEYE_STORE
        [broken] sqlite3 { $path } .recover saves what can be read; --store FILE, or SOCKEYE_STORE, names another store
       *[other] --store FILE, or SOCKEYE_STORE, names another store
      }
error-no-store = nothing is recorded yet: there is no store { $path }
    .hint = --record store records sessions; --store FILE names another store
error-no-session = { $what ->
    [none] there is no session { $name }: the store { $path } has none
    [mixed] the sessions { $name } were recorded at different ends or servers, and are no single conversation
    [peer] no session in { $path } has { $name } in an address of either end
   *[other] there is no session { $name }: those in { $path } are numbered { $have }
 }
    .hint = { $what ->
        [mixed] export each to a file of its own; --service and --peer of `sockeye sessions list` tell them apart
        [peer] write it as addresses are shown: 192.0.2.7, :6379, [2001:db8::7]:80
       *[other] `sockeye sessions list` shows what there is; a file of that name is ./{ $name }
      }
error-bad-certificate = { $what ->
    [no-pem] { $path } has no certificate or key in it: no line -----BEGIN …-----
    [der] { $path } is DER, and PEM is wanted
    [truncated] { $name } in line { $line } of { $path } has no end
    [base64] { $name } in line { $line } of { $path } is no base64
    [long] { $path } is longer than { $max } bytes
    [many] { $path } has more than { $max } sections
    [key] { $path } has a key where a certificate is wanted
    [no-certificate] { $path } has no certificate, but { $name }
    [certificate] { $path } has a certificate where a private key is wanted
    [no-key] { $path } has no private key, but { $name }
    [locked] the private key in line { $line } of { $path } is locked by a password
    [unusable-key] the private key in { $path } cannot be used
    [no-authority] the certificate in { $path } is no authority, and may sign no other
    [mismatch] the private key in { $path } does not belong to the certificate in { $name }
    [expired] the certificate in { $path } has expired, or is not valid yet
    [name] the name of the authority in { $path } cannot be written again as it stands
    [empty] { $path } shows no certificate
    [section] the certificate in line { $line } of { $path } cannot be read
   *[x509] a certificate in { $path } cannot be read
  }
    .hint = { $what ->
        [no-pem] PEM is text with a line -----BEGIN CERTIFICATE----- or the like; is it the right file?
        [truncated] the file seems to be cut: copy it again, whole
        [base64] the file seems to be damaged: copy it again, as it is
        [der] `openssl x509 -inform der -in FILE -out FILE.pem` turns it into PEM, for a key `openssl pkey`
        [key] are certificate and key swapped? The certificate begins with -----BEGIN CERTIFICATE-----
        [certificate] are certificate and key swapped? The key begins with -----BEGIN PRIVATE KEY-----
        [locked] `openssl pkey -in FILE -out PLAIN` unlocks it into a file of its own; keep that file from others
        [unusable-key] it may be damaged, or of a kind that is not supported: ECDSA, Ed25519 and RSA of 2048 bits and more are
        [no-authority] give the authority's own certificate, or make one with `sockeye cert ca`
        [mismatch] give the key that was made together with the certificate
        [expired] make a new authority with `sockeye cert ca --force`, or check this machine's clock
        [name] let the program that made the authority sign, or make another with `sockeye cert ca`
        [empty] the server may want a name (SNI) or another protocol first
       *[other] is it the right file, and whole? `sockeye cert show FILE` shows what is in one
      }
error-half-identity = { $what ->
    [certificate] the key { $path } is given without its certificate
   *[key] { $path } has a certificate, and no private key belongs to it
  }
    .hint = { $what ->
        [certificate] --cert FILE gives the certificate
       *[key] --key FILE gives the key; it may also stand in the certificate's file
      }
error-no-authority = there is no authority to sign with: { $path } is missing
    .hint = `sockeye cert ca` makes one, `sockeye cert all` everything at once; --ca and --ca-key name one that is elsewhere
error-bad-capture = { $what ->
    [empty] the capture is empty
    [large] the capture is over { $max } bytes
    [link] the capture is of a kind of network that is not known: link type { $link }
    [broken] the capture is damaged
    [nothing] no TCP or UDP session is in the capture
   *[unknown] this is no capture: neither pcap nor pcapng
  }
    .hint = { $what ->
        [large] cut it with editcap -c, or capture with a filter
        [link] capture on an Ethernet, loopback or "any" device
       *[unknown] tcpdump -w FILE and Wireshark write captures that can be read
      }
error-flawed-capture = { $what ->
    [gap] { $count } bytes of a stream are not in the capture
    [cut] { $count } bytes were cut off packets when they were captured
    [middle] the session had begun before the capture did
    [fragment] IP fragments that cannot be put together: { $count }
    [file] the capture ends within a packet
    [flows] the capture has too many flows; left out: { $count } packets
   *[tls] the session is encrypted (TLS); what was said cannot be seen
  }
    .hint = { $what ->
        [gap] capture again, with a larger buffer (tcpdump -B), nearer to one of the ends
        [cut] capture whole packets: tcpdump -s 0
        [middle] start the capture first, then the session
        [fragment] capture again, with whole packets (tcpdump -s 0)
        [file] what comes before its end is read
        [flows] take one by its address, port or number
       *[tls] record it with sockeye proxy --record, or connect --record, where it is in clear
      }
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
error-not-websocket = { $what ->
    [tls] the peer speaks TLS, not plain WebSocket
    [silence] the peer closed without a word, where a WebSocket upgrade was due
    [cut] the peer closed within the WebSocket upgrade: { $bytes }
    [malformed] the WebSocket upgrade is no proper HTTP/1.1: bad { $bytes }
    [long] the head of the WebSocket upgrade is over { $max } bytes or 64 fields
   *[other] the peer speaks no WebSocket; it said: { $bytes }
  }
    .hint = { $what ->
        [tls] write wss:// instead of ws://, on the side that has none
        [other] leave ws:// out to talk to it as it is: tcp://HOST:PORT
       *[silence] is it a WebSocket server or client, and is this its port? One that wants TLS needs wss://
      }
error-upgrade-refused = { $what ->
    [bare] the server did not upgrade to WebSocket; it answered { $status }
   *[body] the server did not upgrade to WebSocket; it answered { $status }: { $bytes }
  }
    .hint = check the path (ws://host:port/PATH); some servers also want --origin, --subprotocol or --header 'Authorization: …'
error-bad-upgrade = { $what ->
    [accept] the server's answer does not prove that it understood the upgrade (Sec-WebSocket-Accept: { $value })
    [subprotocol] the server chose a subprotocol that was not offered: { $value }
    [extension] the server uses an extension that was not offered: { $value }
   *[upgrade] the server answered 101, but not with an upgrade to WebSocket
  }
    .hint = the server, or a proxy before it, breaks RFC 6455: try without the proxy
error-turned-away = { $what ->
    [malformed] turned away with { $status }: the request is no proper HTTP/1.1 (bad { $value })
    [too-long] turned away with { $status }: the request's head is over 16 KiB or 64 fields
    [method] turned away with { $status }: the method is { $value }, not GET
    [http-version] turned away with { $status }: the request is { $value }
    [body] turned away with { $status }: the request has a body
    [host] turned away with { $status }: no proper Host field ({ $value })
    [version] turned away with { $status }: version { $value } of the WebSocket protocol
    [key] turned away with { $status }: no proper Sec-WebSocket-Key ({ $value })
    [path] turned away with { $status }: there is nothing at { $value }
    [foreign-host] turned away with { $status }: a web page that calls this server { $value }
    [origin] turned away with { $status }: a web page of { $value }
    [subprotocol] turned away with { $status }: none of its subprotocols is ours ({ $value })
   *[no-upgrade] turned away with { $status }: a plain HTTP request for { $value }, no WebSocket
  }
    .hint = { $what ->
        [foreign-host] to let pages of a name in, list their origins: --origin 'http://NAME:PORT'
        [origin] if that page may use this server, add --origin '{ $value }'
        [path] the client must use the path that the endpoint has
        [subprotocol] --subprotocol lists those that are accepted
       *[no-upgrade] the client was told why, in its answer's body
      }
error-connect-timeout = no connection after { $after }
    .hint = packets seem to vanish: a wrong address, a firewall, or a host that is off; -t waits longer
error-handshake-timeout = the { $layer } handshake did not end within { $after }
    .hint = is it a { $layer } server or client at the other end? A peer that speaks another protocol may just wait
error-no-proxy-header = no { $layer } header came first
    .hint = listen without { $layer } if clients connect directly; a relay must be told to send the header
error-bad-proxy-header = the { $layer } header breaks the rules
    .hint = the relay in front of this server sends it; see the PROXY protocol in its manual
error-via-refused = the proxy did not connect: { $reason }
    .hint = the proxy was reached; what it may connect to, and whether that answers, is its matter
error-via-login = the proxy wants another login: { $reason }
    .hint = name the user as in socks5://USER@HOST:PORT; the password is asked for, or read from SOCKEYE_VIA_PASSWORD
error-not-a-proxy = what answers there is no such proxy ({ $reason })
    .hint = check the host, the port and the kind: socks5:// or http://
error-needed = { $layer } needs --{ $name }
    .hint = see sockeye serve --help, under the flags of the layers
error-no-password = no password for { $name }
    .hint = run it in a terminal to be asked, or use --password-file or SOCKEYE_PASSWORD
error-token-in-clear = the token would go over the network for anybody to read
    .hint = put TLS below, as in auth+tls://HOST:PORT
error-bad-token = nobody has this token
    .hint = sockeye user add NAME --token makes a new one
error-bad-credentials = wrong password for { $name }, or no such user
    .hint = sockeye user list shows who may come in; sockeye user add sets a new password
error-auth-binding = the login belongs to another TLS connection
    .hint = something between the two ends opens the encryption: a TLS proxy, or an attack
error-auth-later = too many logins have failed from here; wait and try again
    .hint = the server bars an address for a while, longer each time
error-no-auth = the other end does not speak sockeye-auth ({ $reason })
    .hint = is there an auth layer at the other end? Both ends must name it, as in auth+tls://
error-bad-auth = the other end breaks the rules of sockeye-auth ({ $reason })
    .hint = the protocol is in docs/auth.md
error-server-unproven = the server does not know the password it let us in by
    .hint = this is not the server that keeps your password; do not talk to it
error-timeout = no answer after { $after }
    .hint = the peer is silent: does it wait for a line ending or more, or never answer? -t waits longer
error-idle = nothing moved for { $after }
    .hint = --idle sets how long a silent session may last
error-session-time = the session was open for { $after }, and no longer is allowed
    .hint = --max-session-time sets how long a session may last
error-frame-timeout = a frame ({ $framing }) was begun and not ended within { $after }
    .hint = the peer drips, hangs, or uses another framing (-F raw shows what it sends); --frame-timeout allows more time
error-no-trust = this machine has no authorities to trust
    .hint = install the package ca-certificates, name authorities with --ca FILE, or one key with --pin
error-plain-text = { $what ->
    [binary] the { $role } does not speak TLS: it began with { $text }
   *[text] the { $role } speaks plain text: it said "{ $text }"
  }
    .hint = { $what ->
        [http] it speaks HTTP without TLS: use tcp:// (or ws://), or its other port, often 443
        [http-request] it speaks HTTP without TLS: it should use https://, or listen on tcp://
        [ssh] that is SSH, which encrypts by itself: use tcp://, or ssh
        [starttls] such servers switch to TLS when asked (STARTTLS), which is not built in; try the port that begins with TLS (465, 993, 995, 990)
       *[other] { $role ->
            [client] it should connect by TLS (tls://), or listen on tcp:// instead
           *[server] use tcp:// instead of tls://, or check the port
          }
      }
error-echoes = what stands there is no TLS server: it sends back what it is sent
    .hint = it is an echo server: use tcp:// instead of tls://
error-certificate-expired = the certificate of { $name } expired on { $when } (days ago: { $days })
    .hint = { $role ->
        [client] the client needs a new certificate; is this machine's clock right?
       *[server] the server needs a new certificate; is this machine's clock right? --pin believes its key regardless
      }
error-certificate-not-yet-valid = the certificate of { $name } is valid only from { $when }
    .hint = is the clock right, on this machine and where the certificate was made?
error-certificate-wrong-name = the certificate is not for { $asked }, but for { $offered }
    .hint = { $what ->
        [common-name] it has that name as a common name only, which no longer counts (RFC 9525): it needs alternative names; --pin believes its key regardless
       *[names] --sni NAME asks for and checks another name; or connect by a name that it has
      }
error-certificate-unknown-issuer = the certificate of { $name } is from { $issuer }, which is not trusted
    .hint = { $role ->
        [client] --client-ca names the authorities whose clients may come in
       *[server] --ca FILE trusts that authority; --pin { $got } trusts this key, if you have it from somebody you believe
      }
error-certificate-self-signed = the certificate of { $name } is self-signed: nobody vouches for it
    .hint = { $role ->
        [client] put it into the file of --client-ca, if it may come in
       *[server] --pin { $got } trusts this key, if you have it from somebody you believe
      }
error-certificate-wrong-purpose = the certificate of { $name } is no { $role }'s: it is for { $offered }
    .hint = { $role ->
        [client] the client needs a certificate with the purpose clientAuth; did it give a server's?
       *[server] the server needs a certificate with the purpose serverAuth; does it show a client's?
      }
error-certificate-bad-signature = a signature does not fit the certificate of { $name }
    .hint = it may be from another authority of the same name, have been changed, or not be the { $role }'s own
error-certificate-of-authority = the { $role } shows an authority's certificate ({ $name }) as its own
    .hint = { $role ->
        [client] it needs a certificate of its own (CA:FALSE), signed by that authority
       *[server] it needs one of its own (CA:FALSE): `sockeye cert server NAME`, or openssl req with -addext basicConstraints=CA:FALSE; --pin { $got } trusts this key
      }
error-certificate-unusable = the certificate of the { $role } cannot be used
    .hint = what stands in parentheses is the library's own reason; `sockeye cert show` tells what a certificate says
error-certificate-missing = the client has given no certificate, and one is required
    .hint = the client needs --cert FILE --key FILE, of an authority in the file of --client-ca
error-certificate-required = the server requires a certificate of ours
    .hint = --cert FILE --key FILE gives one; the server's people know which authority has to sign it
error-pin-mismatch = the server has another key: wanted { $wanted }, got { $got }
    .hint = if it has a new key, ask its people for the new pin; if not, somebody stands in between
error-tls-too-old = the { $role } knows only versions of TLS that are not safe any more, or none in common with us
    .hint = TLS 1.2 and 1.3 are spoken here: the { $role } must be told to, or renewed
error-tls-nothing-in-common = there is no common { $what ->
    [suite] cipher suite
    [group] group for the key exchange
   *[signature] way of signing
  } with the { $role }
    .hint = the { $role } allows only old or unusual ones: look at its TLS settings, and at the kind of the server's key
error-alpn-mismatch = there is no common application protocol (ALPN): { $role ->
    [client] the client offers { $offered }, and { $wanted } is accepted here
   *[server] the server accepts none of { $wanted }
  }
    .hint = --alpn names them, best first; without it any will do
error-tls-alert = the { $role } refused us: { $alert }
    .hint = { $alert ->
        [unknown_ca] { $role ->
            [client] the client does not trust our certificate's authority: give it our authority (--ca), or our pin (--pin)
           *[server] the server does not trust our certificate's authority: give it one of an authority that it trusts
          }
        [bad_certificate] the { $role } does not like our certificate: is it for the right name and purpose?
        [certificate_unknown] the { $role } does not like our certificate: its own log says why
        [unsupported_certificate] our certificate has the wrong purpose or kind for the { $role }: a server's needs serverAuth, a client's clientAuth
        [certificate_expired] our certificate has expired, or one of the clocks is wrong
        [certificate_revoked] our certificate was revoked: get a new one
        [access_denied] the { $role } knows us and does not let us in; with pins: our key is not the one it wants
        [decrypt_error] a signature did not fit: our certificate may be of an authority that has the same name as the one that is trusted
        [handshake_failure] there is nothing in common (versions, cipher suites), or the { $role } wants a certificate: see --cert
        [unrecognized_name] the server does not know the name that was asked for: --sni gives another
        [certificate_required] the { $role } requires a certificate of ours: see --cert and --key
        [internal_error] something went wrong in the { $role }: its own log says what
       *[other] the { $role }'s own log may say why
      }
error-tls-cut = the { $role } ended the connection within the TLS handshake ({ $what ->
    [fin] FIN
   *[rst] RST
  })
    .hint = { $role ->
        [client] it may not trust our certificate and not say so, or only look whether the port is open
       *[server] it may not speak TLS, want another name (--sni) or a certificate (--cert), or be overloaded; its own log may say
      }
error-tls-broken = the { $role } breaks the rules of TLS
    .hint = what stands in parentheses is the library's own reason; something in between may change the bytes
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
error-ws-protocol = the peer broke the WebSocket protocol, and was told so with close code { $code }
    .hint = what stands in parentheses is the rule; the peer's library is at fault, or something in between
error-ws-oversize = a message of at least { $size } bytes is over the limit of { $max }
    .hint = --max-message sets how long a message may be
error-ws-closed = { $name ->
    [abnormal] the connection ended without a WebSocket Close (1006)
    [protocol-error] the peer closed: we broke the protocol (1002)
    [unsupported-data] the peer closed: it takes no such data (1003)
    [invalid-data] the peer closed: the data does not fit the message's type (1007)
    [policy-violation] the peer closed: it is against its policy (1008)
    [message-too-big] the peer closed: the message is too big for it (1009)
    [extension-missing] the peer closed: it wants an extension that is not built in (1010)
    [internal-error] the peer closed: it failed (1011)
    [service-restart] the peer closed: it restarts (1012)
    [try-again-later] the peer closed: it is too busy (1013)
    [bad-gateway] the peer closed: what it is a gateway to failed (1014)
    [unauthorized] the peer closed: who we are is not proved (3000)
    [forbidden] the peer closed: we may not do that (3003)
    [timeout] the peer closed: it has waited too long (3008)
   *[other] the peer closed with code { $code }
  }
    .hint = { $name ->
        [abnormal] the peer's program ended, or a proxy cut the connection; its own log may say why
        [unsupported-data] some servers take only text, or only binary: text is sent when it is UTF-8
       *[other] the peer's own words, if it gave any, stand in parentheses
      }
error-ws-silent = the peer says nothing and answers no ping, for { $after }
    .hint = it hangs, is asleep, or the network is gone
error-unscripted = { $place }: step { $step } of { $of }: { $what ->
    [differs] expected { $expected }, got { $actual }: differs at byte { $at }
    [timeout] what is expected did not come within { $after }
    [too-early] it came too early, after { $after }
    [unexpected] expected the end of the connection, got { $actual }
    [forbidden] this must not come: { $actual }
    [leftover] the conversation is over, and this came: { $actual }
    [early-eof] the peer ended its side before
    [early-reset] the peer cut the connection before
    [lost] the connection was lost before ({ $code })
    [closed] the connection is closed already
    [not-taken] the peer does not read what it is sent, for { $after }
    [cannot-build] the message cannot be built
    [bad-endpoint] this is no endpoint
    [connect] no connection ({ $code })
    [never-came] nobody came to the listener, for { $after }
    [listen] no listener ({ $code })
    [secure] no TLS ({ $code })
    [too-much] what is captured is more than 16 MiB
    [too-many] every recorded session was played, and another one came
   *[abandoned] the session was ended before
  }
    .hint = { $what ->
        [differs] either side may be right: mend the program, or the file
        [timeout] it may be slow: within 10s behind the step gives it longer
        [too-many] serve … script plays them again; replay --loop too
       *[other] the file says what should happen, line by line
      }
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
verb-cert = make development certificates, and show any
verb-cert-long = an authority of your own in files, what it signs for servers and clients, and what certificates say. For your machines and tests: nobody else trusts them
verb-cert-ca = make an authority (CA): ca.pem, ca.key
verb-cert-ca-long = give ca.pem to whoever is to trust it; keep ca.key to yourself: who has it can pass for any server. It lasts 825 days unless told otherwise
verb-cert-server = make a server's certificate: server.pem, server.key
verb-cert-server-long = signed by ca.pem and ca.key of the directory, or by those given. Without NAME it is for localhost, 127.0.0.1 and ::1. It lasts 397 days unless told otherwise, and no longer than its authority
verb-cert-client = make a client's certificate: client.pem, client.key
verb-cert-client-long = signed by ca.pem and ca.key of the directory, or by those given. A server that is given ca.pem with --client-ca lets its holder in. It lasts 397 days unless told otherwise, and no longer than its authority
verb-cert-all = make an authority, a server's and a client's certificate
verb-cert-all-long = six files at once, or none; the server's names as with `cert server`
verb-cert-show = show what is in files, or what a server shows
verb-cert-show-long = each certificate in its order: names, days left, use, key, pin, fingerprint. Of keys only that they are there. Nothing is verified: use it to look, not to trust
verb-sessions = list, search, export and remove recorded sessions
verb-sessions-long = what --record store has kept: every event and byte of every session. Times are UTC; the number of a session is never given to another one
verb-sessions-list = list recorded sessions, the newest first
verb-sessions-list-long = conditions may be combined, and all must hold; --text may stand several times
verb-sessions-show = show what happened in a session
verb-sessions-show-long = its facts, then its events in order. Long messages are cut: --hex shows them whole, and export has every byte
verb-sessions-search = find sessions by what was said in them
verb-sessions-search-long = every TEXT must have been said somewhere in the session, in any case of ASCII letters; text of any length is found, in any language. --bytes finds bytes within one message
verb-sessions-export = write recorded sessions as a file
verb-sessions-export-long = sessions are named by number or range (3-7). Without -o it goes to stdout; -o also tells the form by its ending, and a file that is there is overwritten
verb-sessions-rm = remove sessions, and what they take on the disk
verb-sessions-rm-long = by number or range, or by one of the flags. What is removed is overwritten in the store's file; sessions that are being recorded stay
verb-user = keep the file of those who may log in
verb-user-long = who may come in through the layer auth. The file keeps verifiers and digests, from which nobody can log in; a server reads it again when it changes
verb-user-add = add a user, or give one a new password or token
verb-user-add-long = asks for the password twice (or reads it from --password-file or SOCKEYE_PASSWORD); with --token it prints a new token, which is shown this once
verb-user-list = show who is in the file
verb-user-list-long = one line a user and credential
verb-user-remove = take a user out
verb-user-remove-long = password and token both; sessions that are open go on
verb-list = show what is built in
verb-list-long = TOPIC is one of { $topics }
verb-nc = netcat's letters, meaning what they mean there
verb-nc-long = without -N the end of stdin sends no FIN, as there; with -l it listens on every interface, as there

## Words of verbs

word-endpoint = host:port, :port (loopback), any:port (every interface), - or a URL
word-message = what to send
word-listen = the endpoint to listen on
word-target = the endpoint to pass on to
word-cert-server = a name, a wildcard name such as *.app.example, or an address
word-cert-client = what the client is called, 1 to 64 characters
word-cert-place = a file in PEM or DER, - for stdin, host:port or a URL with TLS
word-session = the session's number
word-sessions = numbers and ranges of sessions: 12, 3-7
word-recordings = numbers and ranges of sessions (12, 3-7), or one file: a capture (pcap, pcapng)
word-said = what was said
word-user = the user's name
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
flag-keepalive = find out within this time that a silent TCP peer is gone: 30s; 0 is never
flag-max-message = the longest message a framing takes, as in 64k or 1m
flag-record = record the sessions, as often as given: store (see `sockeye sessions`), FILE.skt (a conversation file: test, mock), FILE.pcapng (for Wireshark) or FILE.jsonl (events); a file that is there is overwritten
flag-store = the store of recorded sessions (default: $SOCKEYE_STORE, or sockeye/sessions.db in $XDG_DATA_HOME)
flag-durable = have the store wait for the disk with every batch, so that not even a power cut loses a session that was told saved
flag-record-lossy = leave events out of recordings, and count them, rather than slow sessions down when more comes than can be written
flag-keep-age = before recording, remove sessions from the store that ended longer ago: 12h, 30d
flag-keep-size = before recording, remove the oldest sessions until the store's are no more than this: 500m, 2g
flag-wanted-peer = only sessions with this in an address of either end
flag-export-peer = only sessions with this in an address of either end: the way to pick one out of a capture
flag-wanted-service = only sessions of this service, or recorded by this verb
flag-wanted-since = only sessions that began then or later: 2h (ago), 30d, 2026-11-21, 2026-11-21T15:04
flag-wanted-until = only sessions that began before
flag-wanted-text = only sessions in which this was said
flag-wanted-bytes = only sessions with a message that has these bytes, in hex
flag-wanted-limit = no more than the newest so many (default 50)
flag-export-as = the form: skt, pcapng, json, hex, or command (a line for the shell that says the same again)
flag-export-output = the file to write
flag-remove-older = remove sessions that ended longer ago: 12h, 30d
flag-remove-larger = remove the oldest until the rest takes no more than this: 500m, 2g
flag-remove-all = remove all sessions
flag-seed = where randomness starts, to repeat a run
flag-generate = print complete-SHELL (bash, elvish, fish, powershell, zsh) or man, and exit
flag-help = show this help
flag-version = show the version

## Layers

layer-ws = WebSocket: whole messages, also from web pages (RFC 6455)
layer-proxy1 = PROXY protocol, version 1: a relay says in a line of text whose connection it is
layer-proxy2 = PROXY protocol, version 2: the same in binary
layer-auth = who may come in: password (SCRAM) or token

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
flag-user-file = the file of users; users.txt if not given
flag-user-token = give a new token instead of a password, and print it
flag-user-password-file = read the password from FILE, instead of asking for it
flag-user-iterations = how often the password is hashed, 4096 to 10000000
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
flag-threads = answer TCP peers on N threads, sharing the port; default 1, one more a core pays only when one is busy all the time
flag-spin = ask for work without sleeping: answers sooner, and keeps a core a thread busy even when idle
flag-fault = do this to the traffic on purpose (`sockeye list faults`); may stand several times
flag-allow-exec = let sockeye.toml run programs

## Flags of connect and ask

flag-on-connect = go through this conversation file before anything typed is sent; on a terminal also again after a lost connection
flag-login-var = give a variable of that file this value
flag-reconnect = connect again when the connection is lost, after 0.5 s at first and up to 30 s later
flag-eol = what ends a typed line: lf, crlf, cr, nul or none
flag-number = messages that make a reply, when framed
flag-quiet = silence that ends a raw reply

## Flags of cert

flag-cert-dir = the directory of the files, made if it is not there; without it the current one
flag-cert-days = days they are valid, 1 to 3650; of each with `cert all`
flag-cert-force = overwrite files that are there
flag-cert-name = what the authority is called; without it, who made it, where and when
flag-cert-ca = the certificate of the authority that signs; --ca-key goes with it
flag-cert-ca-key = its private key

## What certificates say

cert-nameless = (no name)
cert-names = names
cert-common-name = { $name } (common name alone)
cert-more = { $count } more
cert-issuer = issuer
cert-itself = itself
cert-numbered = { $name } (number { $number } here)
cert-valid = valid
cert-left = { $from } to { $to } (days left: { $days })
cert-expired = { $from } to { $to } (EXPIRED, days ago: { $days })
cert-early = { $from } to { $to } (NOT VALID YET)
cert-use = use
cert-signs = signing certificates
cert-signs-path = signing certificates (authorities below it: { $path })
cert-use-server = server
cert-use-client = client
cert-use-any = anything
cert-use-unsaid = anything (it does not say)
cert-key = key
cert-key-usages = key usage
cert-signature = signature
cert-serial = serial
cert-pin = pin
cert-fingerprint = SHA-256
cert-private-key = private key ({ $label }, line { $line }), not shown
cert-locked-key = private key, locked by a password ({ $label }, line { $line })
cert-section = { $label } (line { $line })

note-reconnecting = the connection is lost; another one is tried after { $after }
note-reconnected = connected again to { $remote }
note-gone-through = { $path } was gone through
note-cert-wrote = wrote { $path }
note-cert-wrote-key = wrote { $path } (private: you alone can read it)
note-cert-long = a server's certificate for more than { $days } days, yesterday counted, is refused by Apple's systems
note-user-added = { $name } may come in ({ $path })
note-user-changed = { $name } has a new password ({ $path })
note-user-token = { $name } has a new token ({ $path }); it is shown this once
note-user-removed = { $name } is out ({ $path })
user-password = password, hashed
user-tokens = token, digest
ask-again = the same once more, for { $name }:{" "}
note-cert-next = next: { $command }
note-cert-order = { $path }: the certificates are not in order: a server's own comes first, then whoever signed it, and so on

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
topic-layers = what wraps a stream: encryption, identity and the like
topic-framings = how a stream is cut into messages
topic-services = what serve answers with
topic-faults = what --fault can do to the traffic
topic-charsets = how text is written on the wire
topic-verbs = what sockeye does
topic-codes = what errors are called, and the exit code of each

transport-tcp = a stream over IPv4 or IPv6
transport-udp = datagrams over IPv4 or IPv6, multicast and broadcast too
transport-unix = a stream on this machine, by file
transport-unixgram = datagrams on this machine, by file
transport-stdio = this program's stdin and stdout, written -

layer-tls = encrypts, and proves who the server is (and the client, if asked)

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
service-script = answers as a conversation file says: a recording as a server
service-script-var = give a variable of the file this value
service-script-pace = fast (as soon as it can), recorded, or so many times as fast as recorded: 2x, 0.5x
service-chat-on-connect = let each peer go through this conversation file before it may talk
service-chat-var = give a variable of that file this value
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
ask-password = password for { $name }:{" "}
event-connected = connected to { $remote } from { $local }
event-tls = { $version }, { $suite }{ $group ->
    [none] {""}
   *[other] , { $group }
  }{ $alpn ->
    [none] {""}
   *[other] , ALPN { $alpn }
  }{ $name ->
    [none] {""}
   *[other] , name { $name }
  }{ $trust ->
    [chain] , certificate checked
    [pin] , key pinned
    [absent] , no certificate of the peer's
   *[none] , certificate not checked
  }{ $resumed ->
    [yes] , resumed
   *[no] {""}
  }
event-tls-certificate = certificate { $number }: { $subject }; for { $names }; issued by { $issuer }; expires { $until } (days left: { $days }); { $pin }
event-tls-truncated = the peer ended TLS without close_notify: something may have been cut off
event-upgraded = { $to } stands: { $facts }
event-authenticated = { $user } is who it says, by { $mechanism }
event-logged-in = logged in, by { $mechanism }
event-half-closed-in = the peer will send no more
event-half-closed-out = we will send no more
event-said-close-in = the peer says Close { $code } ({ $name }): { $reason }
event-said-close-out = we said Close { $code } ({ $name })
event-fault-in = fault { $name } on what the peer sends: { $detail }
event-fault-out = fault { $name } on what we send: { $detail }
event-reset-in = the peer cut the connection
event-reset-out = we cut the connection
event-timeout = time is up: { $what }
event-refused = turned { $remote } away: { $reason }
event-saved = saved as { $id }
event-closed = closed: { $messages_in } in ({ $bytes_in } bytes), { $messages_out } out ({ $bytes_out } bytes)

## Faults on purpose

fault-latency = everything is so much later, give or take the jitter; in both directions unless told otherwise
fault-bandwidth = so many bytes a second pass; what comes faster waits
fault-loss = datagrams are lost; on a stream it is delay (200 ms, twice as long each further time), as TCP sends again
fault-dup = a datagram comes twice
fault-reorder = a datagram is overtaken by the next
fault-corrupt = a bit flips: in so many of the bytes of a stream, in so many messages or datagrams
fault-slicer = a stream comes in parts of SIZE bytes, give or take the jitter, with DELAY between them
fault-slow-close = the end of a direction (FIN, Close) comes late
fault-timeout = nothing passes, not even the end; after TIME the connection is closed, without one (or with 0) never
fault-limit = the connection is closed after so many bytes of a direction
fault-reset = the connection is cut with an RST: at once, or after TIME
fault-key-dir = for one direction: up from the peer, down to it
fault-key-p = how likely a connection has the fault at all
fault-key-on = from what matches on: with the message or datagram that does; on a stream, after the match
fault-key-after = only after so many bytes of the direction

## Notes

note-config-found = serving what { $path } says
note-answers = { $service } answers on { $url }
note-welcome = welcome set: every service on loopback; interrupt to end
note-not-in-charset = not sent: { $charset } has no character { $character }
note-bad-hex = not sent: { $value } is no hex
note-nc-open = connection to { $host } port { $port } ({ $transport }) succeeded
note-nc-shut = connection to { $host } port { $port } ({ $transport }) failed: { $why }
note-datagram-too-long = not sent: a datagram of { $size } bytes is too long, at most { $max } fit
note-tls-self-signed = made a certificate for this run; to connect with it: sockeye connect { $url } --pin { $pin }
note-ws-closed = the peer closed with { $code } ({ $name }): { $reason }
note-tls-insecure = warning: { $endpoint } is not checked (--insecure): anyone in between can read and change everything; --pin or --ca would prevent that
note-tls-expired = warning: the certificate in { $path } expired on { $when } (days ago: { $days }): peers will refuse it
note-tls-not-yet-valid = warning: the certificate in { $path } is valid only from { $when }: peers will refuse it until then
note-faults = faults on purpose: { $faults } (seed { $seed }; --seed { $seed } repeats them)
note-loss-delays = loss on a stream is delay: nothing is lost, it comes 200 ms later, then 400 ms, ... (real loss: udp)
note-events-lost = { $count } events could not be recorded in time and were left out
note-more-flaws = the capture has more flaws: { $count }
note-sessions-none = no sessions
note-sessions-more = these are the newest { $count }; --limit N shows more
note-sessions-removed = sessions removed: { $count }
note-sessions-recording = { $count } of them are being recorded, and stay
sessions-id = id
sessions-began = began
sessions-took = took
sessions-service = service
sessions-endpoint = endpoint
sessions-target = relayed to
sessions-peer = peer
sessions-user = user
sessions-in = in
sessions-out = out
sessions-outcome = outcome
sessions-said = said
sessions-lost = events left out
sessions-open = open
sessions-done = done
sessions-cut = cut
sessions-fact = { $name }: { $value }
note-draining = stopping: { $sessions } still open, for at most { $limit }; interrupt again to end at once
note-one-thread = { $service } on { $url } has one thread: --threads is for TCP, and not for a service with an operator
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

## `test`: what came of a run

word-test-file = conversation files (.skt), captures (pcap, pcapng), and directories of conversation files
flag-var = a variable of the files; the value may be text, hex:… or b64:…; wins over theirs
flag-report = a report besides the text on stderr; tap and json go to stdout unless =FILE follows
flag-jobs = files played at once (default: twice the processors, at least 4)
flag-retry = play a file that failed again, up to N times (default 0)
flag-fail-fast = begin nothing more once a file has failed
flag-artifacts = write the events (.jsonl) and packets (.pcapng) of files that fail there
flag-fmt = write the files the canonical way instead of playing them
flag-check = with --fmt: change nothing, and exit 1 if a file is written otherwise
verb-test = run conversation files
verb-test-long =
  Plays every peer of each .skt file and compares every message, byte for byte. Files are played in parallel. Exit code
  0: all passed; 1: one failed or was not run; 3: a file could not be read. The language is in docs/skt.md
test-mark-passed = ok
test-mark-failed = FAIL
test-mark-bad = BAD
test-mark-skipped = skip
test-mark-flaky = flaky
test-passed = { $file }  (steps: { $steps }, { $elapsed })
test-attempts = {" "} (attempt { $attempts })
test-summary = files: { $files }, passed: { $passed }, failed: { $failed }, in { $elapsed }
test-earlier = attempt { $attempt } failed: { $spot }: { $why }
test-bad-file = the file cannot be played
test-summary-flaky = , of these flaky: { $count }
test-summary-bad = , unreadable: { $count }
test-summary-skipped = , not run: { $count }
test-summary-stopped = {" "}(interrupted)
test-rerun = run again: { $command }
test-kept = kept: { $paths }
note-formatted = { $path } was written anew
note-unformatted = { $path } is not in canonical form
failure-when = (step { $step } of { $of }, after { $elapsed } of { $patience }, { $state })
failure-when-patient = (step { $step } of { $of }, after { $elapsed }, { $state })
failure-state-never = never connected
failure-state-opening = connecting
failure-state-open = peer open
failure-state-eof = peer has sent FIN
failure-state-reset = peer has sent RST
failure-state-lost = connection lost
failure-state-closed = closed by us
failure-expected = expected
failure-actual = actual
failure-differs = the message differs from byte { $at } on (counted from 0)
failure-differs-short = the message ends at byte { $at } (counted from 0), and more was expected
failure-differs-long = the message goes on at byte { $at } (counted from 0), where its end was expected
failure-differs-part = the message does not match { $part }
failure-timeout = nothing came in time
failure-too-early = it came too early
failure-unexpected = a message came where the end of the connection was expected
failure-forbidden = a message came that must not come
failure-leftover = a message came that no step was left for
failure-early-eof = the peer has ended its side (FIN)
failure-early-reset = the peer has cut the connection (RST)
failure-lost = the connection was lost
failure-closed = the connection was closed before, and not opened again
failure-not-taken = the peer did not take what was sent to it
failure-cannot-build = the message cannot be built
failure-bad-endpoint = the endpoint cannot be read
failure-connect = the connection could not be made
failure-never-came = nobody came to the listener
failure-listen = the listener could not be opened
failure-secure = TLS could not be put on the connection
failure-too-much = what was captured is more than may be kept
failure-too-many = more sessions came than were recorded
failure-abandoned = it was ended from outside
failure-flipped = played from the other side: `>` is expected here, and `<` is sent
failure-partial = a frame has begun ({ $framing }): { $have } of { $want } bytes: { $bytes }
failure-partial-open = a frame has begun ({ $framing }): { $have } bytes so far: { $bytes }
failure-unread = not looked at yet, messages: { $messages }, bytes: { $bytes }: { $first }
failure-unread-bytes = not looked at yet, bytes: { $bytes }: { $first }
failure-recent = the last messages:
failure-connection = { $peer } { $local } ↔ { $remote }
failure-seed = seed { $seed }
fate-sent = sent
fate-waiting = not looked at
fate-matched = matched
fate-skipped = passed over
fate-ignored = ignored
fate-wrong = wrong
html-language = en
html-title = sockeye test
html-filter = filter
html-all = all
html-here = here
html-there = peer
html-expected-next = expected next
html-nothing = nothing fits the filter

## What is wrong with a conversation file

error-bad-script = { $path }:{ $line }:{ $value }: { $what ->
    [events] these are events, a line of JSON each, and no conversation: name the .skt, the .pcapng or the number of the session
    [refused] this cannot be played
   *[mistakes] mistakes in the file: { $name }
  }
    .hint = docs/skt.md has every step with an example; `sockeye test FILE` shows the places
error-no-tests = no conversation file in { $path }
    .hint = conversation files end in .skt; name one, or a directory of them
mistake-near = did you mean { $near }?
mistake-or = {" "}or{" "}
mistake-no-peer = say before its first step where it connects: `peer { $word } connect tcp://127.0.0.1:9000`
mistake-unset = set it with --var { $word }=VALUE, with @var, or capture it in an earlier step
mistake-ends = { $wanted } is expected where the line ends
mistake-expected = { $wanted } is expected here, not { $found }
mistake-unknown = unknown { $noun }: { $word }
mistake-duplicate = this { $noun } is there already, in line { $line }: { $word }
mistake-reserved = { $word } means something else, and can be no name
mistake-range = { $value } does not fit { $kind }
mistake-regex = this is no regular expression: { $word }
mistake-unclosed = this { $noun } is not closed
mistake-escape = there is no escape { $word }
    .hint = in quotes: \n \r \t \0 \\ \" \xHH \u{"{"}H…{"}"} \{"{"}
mistake-digits = this is no { $noun }
mistake-open = { $word } stands for more than one thing, and cannot be sent
    .hint = a pattern belongs after <; give what is to be sent with like
mistake-misplaced = { $word } cannot stand here
mistake-nameless = several peers take part: whose step is this?
    .hint = begin the step with the name of a peer
mistake-unpaired = { $word ->
    [repeat] this repeat has no end
   *[other] this end has no repeat
  }
mistake-circular = a checksum cannot be over itself
mistake-limit = too much: at most { $most } of { $noun }
mistake-load = { $path } cannot be read: { $word }
mistake-cycle = { $word } includes itself
mistake-utf8 = this is not UTF-8
    .hint = save the file as UTF-8; @enc says how text is written on the wire, and hex:… gives bytes
spot-included = included in { $path }, line { $line }
noun-step = step
noun-peer = peer
noun-name = name
noun-setting = setting
noun-modifier = modifier
noun-data = message
noun-match = pattern
noun-type = type
noun-variable = variable
noun-group = group
noun-text = text in quotes
noun-word = word
noun-number = number
noun-duration = duration
noun-endpoint = endpoint
noun-path = path in quotes
noun-file = file
noun-hex = hex
noun-base64 = base64
noun-regex = regular expression
noun-flag = flag
noun-json = JSON
noun-parameter = parameter
noun-depth = nesting
noun-end = end of the line
refusal-open = what is to be sent here is written as a pattern: { $part }
    .hint = add what to send in its place: like "…"
refusal-reopens = the connection is closed and opened again, and there is one session only
    .hint = play such a file with `sockeye test`
refusal-secures = TLS is put on in the middle, and a mock has no certificate
    .hint = play such a file with `sockeye test`
refusal-several = a second peer takes part, and under load each connection plays the same one
    .hint = write the conversation of one peer; -c says how many play it
refusal-listens = the peer listens, and under load it connects
    .hint = write it as the client: peer c connect ENDPOINT
refusal-upgrades = TLS is put on in the middle, and under load a connection is what it was from the beginning
    .hint = load the endpoint with TLS from the beginning: tls://…
refusal-no-peer = there is no such peer
    .hint = name one with peer NAME connect ENDPOINT
refusal-empty = there is no step in it: playing nothing would always pass
    .hint = write at least one step, such as c > "hello"

## `replay`

word-recording = a conversation file, a capture (pcap, pcapng) or the number of a stored session
word-replay-endpoint = where, instead of where it was recorded
flag-as = which side to play: client or server
flag-pace = how fast: fast (as answers come), recorded, or 2x, 0.5x
flag-replay-session = only this session of the recording, counted from 1; repeatable
flag-loop = as server: begin again once every session was played, instead of ending
verb-replay = play one side of a recording
verb-replay-long =
  As client it plays what was recorded against a server and compares every message; as server it answers as the recorded
  server did, until every recorded session was played. What was not recorded is told at once, and the exit code is 1

## bench

verb-bench = load an endpoint, and tell how it bears that
verb-bench-long =
  Sends messages on many connections, holds every answer against what it should be, and tells rate, latency and errors.
  Without --rate each connection sends again as soon as it is answered. With it, messages are sent on time whatever comes
  back, and latency is counted from when a message was to be sent, so that a stall of the server shows in full
word-bench-endpoint = where to; with --merge, the first result
word-bench-message = the message, as in ask; {"{"}seq{"}"} in it becomes a sequence number (default: 64 made-up bytes with one)
flag-connections = connections (default 1, up to 100000)
flag-pipeline = messages under way on each connection (default 1, up to 65536)
flag-rate = messages a second in all, as 500, 10k, 1.5m; @p99=20ms searches the highest rate that keeps a promise
flag-bench-mode = what connections are for: exchange (many messages each), connect (one each), idle (they stand, and now and then one is asked), one-way (datagrams that are sent without waiting for an answer)
flag-bench-size = bytes of made-up messages: one size, or a range (default 64)
flag-bench-file = the message is what this file contains
flag-bench-script = each connection plays the steps of this conversation file over and over, a round counting as one message; a round that ends its connection has one of its own
flag-bench-var = a variable for the steps of --script; repeatable. {"{{"}seq{"}}"} (the round's number) and {"{{"}connection{"}}"} are there
flag-bench-expect = what every answer has to be (default: learnt from the first answers)
flag-no-verify = count answers without comparing them
flag-duration = how long is measured (default 10s; 3s for each rate of a search; up to 24h)
flag-warmup = how long it runs before that, without counting (default 1s; none with --requests)
flag-requests = end after so many messages
flag-bench-threads = threads of the generator (default 1)
flag-fail-if = end with 1 if this is so: p99>20ms, p99.9>1s, max>2s, mean>5ms, errors>0, errors>1%, rate<10k; repeatable
flag-bench-reset = close connections with an RST, so that --mode connect does not run out of ports
flag-bench-csv = write a line a second there
flag-bench-hdr = write an HdrHistogram log there
flag-bench-html = write a page with pictures there
flag-bench-merge = put together results that --json wrote, of several machines that ran at the same time

bench-title = bench { $endpoint }: { $mode ->
    [connect] a connection for each message of { $size }, { $connections } at once
    [idle] { $connections } idle connections, messages of { $size }
    [one-way] { $connections } × messages of { $size }, one way
   *[exchange] { $connections } × { $pipeline } messages of { $size }
  }, { $pace }, { $elapsed }
bench-title-steps = bench { $endpoint }: { $mode ->
    [connect] a connection for each round of { $steps }, { $connections } at once
    [idle] { $connections } idle connections, rounds of { $steps }
   *[exchange] { $connections } connections play { $steps }
  }, { $pace }, { $elapsed }
bench-closed = as fast as answers come
bench-full-speed = as fast as they can be sent
bench-at-rate = { $rate } asked for
bench-latency = latency
bench-service = from sending
bench-connecting = connecting
bench-mean = mean
bench-requests = answered
bench-rounds = rounds
bench-messages = messages
bench-messages-both = { $sent } sent, { $received } received
bench-sent = sent
bench-received = received
bench-errors = errors
bench-none = none
bench-first = first
bench-firsts = what went wrong first
bench-first-head = { $class }: { $unit ->
    [none] connection { $connection }
    [round] round { $message } of connection { $connection }
   *[message] message { $message } of connection { $connection }
  }, after { $after }
bench-first-and = { $one }; { $two }
bench-first-differs = byte { $at } differs
bench-expected = expected
bench-got = got
bench-got-nothing = nothing
bench-answers = answers
bench-verified-echo = compared byte for byte: each is the message itself
bench-verified-first = compared byte for byte: each is as the first one was
bench-verified-given = compared byte for byte with --expect
bench-verified-steps = compared as the steps say
bench-verified-none = counted, not compared
bench-hint = hint
bench-hint-closes = the server closes connections after an answer: --mode connect has one for each message
bench-hint-varies = answers are not always the same: --expect says what they have to be, --script what may vary, --no-verify counts only
bench-unanswered = none is waited for. Sent is not arrived: how much has arrived, only the receiver knows
bench-unsent = not sent
bench-unsent-why = { $count } messages were due and found no connection that could take them: the rate is not reached
bench-generator = generator
bench-cpu-one = 1 thread took { $shares } of a processor
bench-cpu-many = { $threads } threads took { $shares } of a processor
bench-client-bound = – bound by the client: the figures are about the generator; more --threads or machines tell about the server
bench-machines = machines
bench-memory = memory
bench-memory-held = { $connections } connections take { $held } here, { $each } each
bench-ended = ended
bench-cut-short = before its time; what was measured until then is told
bench-search = search
bench-best = { $rate } is the highest rate that keeps { $promise }
bench-no-best = no rate keeps { $promise }
bench-failed = FAILED  { $condition }: it is { $actual }
bench-passed = ok      { $condition }: it is { $actual }
bench-asking = waiting for a first answer
bench-opening = opening connections
bench-warming = warming up
bench-waiting = waiting for the last answers
bench-trying = trying { $rate }
bench-live-errors = { $count } errors
bench-step-held = { $asked }: kept, { $actual }, { $rate } answered
bench-step-broken = { $asked }: not kept, { $actual }, { $rate } answered
bench-step-client = { $asked }: not kept, { $actual }, { $rate } answered; the generator is at its own limit
bench-histogram = how often each latency was met
bench-over-time = answers a second
bench-sent-over-time = messages sent a second
bench-latency-over-time = latency over time
bench-numbers = in numbers
bench-second = each point is a second
error-wrong-answer = the answer is not what it should be
    .hint = sockeye ask shows what the server answers; --expect says what it has to be, --no-verify leaves comparing out
error-descriptors = { $wanted } files and sockets are needed, and this process may open { $max }
    .hint = ask for fewer connections, or allow more: ulimit -Hn, LimitNOFILE= of a service

## check

verb-check = say why something cannot be reached
verb-check-long =
  Looks at one layer after another: name, source address, route, neighbour, ping, routers, port, packet size, TLS, and what
  is spoken. Ends in one sentence: what, where, whose fault, how that is known, and what to try. No rights are needed.
  The routers are found by connecting, so the target sees a few connections more than one. -t is the whole budget (10s)
word-check-target = an endpoint, http://… or https://…, a host, or host:port
flag-check-watch = check again and again, and tell what changes; a signal ends it
flag-check-every = the time from one check to the next (default 5s, at least 500ms); implies --watch
check-step-name = name
check-step-source = source
check-step-route = route
check-step-neighbour = neighbour
check-step-ping = ping
check-step-path = path
check-step-connect = connect
check-step-around = other ports
check-step-size = size
check-step-tls = TLS
check-step-http = HTTP
check-step-application = application
check-name = { $name } is { $addresses }
check-name-failed = { $name } has no address: { $why }
check-name-late = the system's resolver has not answered for { $name } yet
check-name-going = { $name } is { $addresses }; the system's resolver has not said so yet
check-sources = looked for in: { $sources }; { $cache }
check-cache-none = no cache on this machine
check-cache-nscd = nscd may answer from its cache
check-cache-server = the server { $server } is this machine, and may answer from its cache
check-hosts = /etc/hosts, line { $line }: { $text }
check-served = DNS server { $server }: { $what }
check-served-bare = DNS server { $server }: the name is there, and has no address
check-served-no-name = DNS server { $server }: no such name (NXDOMAIN)
check-served-failed = DNS server { $server }: response code { $what }
check-served-silent = DNS server { $server }: silent
check-served-nobody = DNS server { $server }: refused, nobody listens there
check-served-unreachable = DNS server { $server }: cannot be reached
check-served-unreadable = DNS server { $server }: what it answers cannot be read
check-served-alias = , as { $alias }
check-served-ttl = , valid for { $ttl } s
check-source = { $source } on { $link }
check-route-local = { $to } is this machine
check-route-gateway = through gateway { $gateway } on { $link }, by { $entry }
check-route-link = straight to { $to } on { $link }, by { $entry }
check-no-route = none to { $to } { $kind } { $entry } (errno { $errno })
check-same-net = same subnet: { $to } and { $mask } is { $net }, as for us
check-other-net = another subnet: { $to } and { $mask } is { $net }, ours is { $own }/{ $prefix }
check-neighbour = { $address } is { $state } { $hardware }
check-ping = answered after { $after }
check-ping-silent = no answer; many hosts do not answer pings
check-ping-denied = not allowed for this user (sysctl net.ipv4.ping_group_range says who may)
check-icmp = { $from } says ICMP { $type }/{ $code }
check-icmp-here = nobody answers on our own link (ICMP { $type }/{ $code } of { $from }, which is us)
check-no-port = { $to } says that nobody has that port (ICMP { $type }/{ $code })
check-connected = { $to } accepts
check-answered = { $to } answers
check-refused = { $to } refuses (RST)
check-silent = { $to } is silent
check-hop-silent = silent
check-failed = the system says errno { $errno }
check-other = not used, given by another source: { $what }
check-around-silent = other ports are silent too
check-backlog = { $waiting } connections wait to be accepted, of { $most } that may
check-size-hole = packets of { $full } bytes vanish, small ones arrive
check-size-told = { $router } says that { $fits } bytes fit, not { $full }
check-size-unknown = not known: the host answers no datagrams
check-size-fits = packets of { $full } bytes arrive
check-tls = { $version }, { $suite }; for { $names }, { $days } days left, signed by { $issuer }, believed by { $trust }
check-words = says { $what }
check-nothing = accepts and says nothing for { $what }
check-closed = accepts, and closes without a word
check-reset = accepts, and resets
check-counted = the kernel counts: { $unacked } segments not acknowledged, { $again } sent again, { $order } came out of order
check-page = status { $status }, { $bytes } bytes { $server } { $location }
check-part-name = name
check-part-tcp = TCP
check-part-tls = TLS
check-part-request = request
check-part-wait = first byte
check-part-body = body
check-verdict-head = { $word } ({ $layer })
check-certain = : { $culprit }
check-likely = : probably { $culprit }
check-because = ; { $facts }
check-and = { $one }, { $two }
check-next = . Try: { $next }
check-changed = { $what }: { $before } → { $after }
check-changed-verdict = verdict
check-changed-addresses = addresses
check-changed-gateway = gateway
check-changed-routers = routers
check-changed-certificate = certificate
check-word-ok = ok
check-word-unknown = unknown
check-word-refused = refused
check-word-silent = silent
check-word-reset = reset
check-word-unreachable = unreachable
check-word-prohibited = prohibited
check-word-no-route = no route
check-word-neighbour = neighbour
check-word-not-found = name not found
check-word-misled = led elsewhere
check-word-failed = failed
check-word-closed = closed
check-word-too-big = large packets vanish
check-word-plain-text = no TLS
check-word-expired = certificate not valid now
check-word-wrong-name = certificate for another name
check-word-untrusted = certificate not trusted
check-word-wrong-application = another application
check-layer-name = name
check-layer-route = route
check-layer-neighbour = neighbour
check-layer-path = path
check-layer-size = packet size
check-layer-tcp = TCP
check-layer-udp = UDP
check-layer-tls = TLS
check-layer-application = application
check-culprit-name = the name { $which }
check-culprit-hosts-line = line { $which } of /etc/hosts
check-culprit-resolver = DNS server { $which }
check-culprit-no-resolver = no DNS server is configured
check-culprit-routing-table = this machine's routing table { $which }
check-culprit-link = the link { $which }
check-culprit-mask = the prefix of our own address { $which }
check-culprit-gateway = the gateway { $which }
check-culprit-router = the router { $which }
check-culprit-beyond = somebody behind { $which }
check-culprit-host = the host { $which }
check-culprit-port = the port { $which }
check-culprit-backlog = the program at { $which }, which does not accept
check-culprit-certificate = the server's certificate
check-culprit-server = the server at { $which }
check-fact-pinged = it answered a ping after { $after }
check-fact-other-port = the host answers at { $address }
check-fact-datagram-answered = { $address } answered an empty datagram
check-fact-no-port = { $address } says that nobody has that port
check-fact-datagram-silent = { $address } did not answer an empty datagram, as most programs would not
check-fact-system = the system's resolver says: { $words }
check-fact-system-late = the system's resolver has not answered
check-fact-server-says = { $server } gives { $addresses }
check-fact-server-bare = { $server } knows the name without an address
check-fact-server-no-name = { $server } says NXDOMAIN
check-fact-server-failed = { $server } says { $code }
check-fact-server-silent = { $server } is silent
check-fact-server-nobody = nobody listens at { $server }
check-fact-server-unreachable = { $server } cannot be reached
check-fact-server-unreadable = what { $server } answers cannot be read
check-fact-block-address = { $address } stands for "blocked"
check-fact-address-fails = { $address } cannot be connected to
check-fact-address-works = { $address }, given by { $server }, accepts
check-fact-hosts-line = line { $line } says: { $text }
check-fact-source-unknown = where { $address } comes from is not known
check-fact-route-refused = the kernel has no way to { $address } { $kind }
check-fact-rst = { $address } answered with a RST after { $after }
check-fact-errno = the system says errno { $errno }
check-fact-link-down = { $link } is down or has no carrier
check-fact-no-arp = { $address } does not answer ARP or NDP on { $link } ({ $state })
check-fact-arp = { $address } answers ARP or NDP ({ $state })
check-fact-mask = by { $ours } { $target } would be on our link, yet gateway { $gateway } is within a /{ $narrow } with us and it is not
check-fact-icmp-prohibited = { $router } says ICMP { $type }/{ $code } after { $after }: prohibited
check-fact-icmp-no-route = { $router } says ICMP { $type }/{ $code } after { $after }: no route there
check-fact-icmp-no-arp = { $router } says ICMP { $type }/{ $code } only after { $after }, as a router does when { $address } does not answer its ARP
check-fact-icmp-no-host = { $router } says ICMP { $type }/{ $code } after { $after }: host unreachable
check-fact-icmp-no-port = { $router } says ICMP { $type }/{ $code } after { $after }, as filters do that reject
check-fact-icmp-exceeded = { $router } says ICMP { $type }/{ $code } after { $after }: the packet went from router to router until its time to live ended
check-fact-nothing = nothing came back from { $address }
check-fact-backlog-full = { $waiting } connections wait to be accepted, { $most } may
check-fact-last-router = { $router } is the last router that answered
check-fact-connected = { $address } accepted after { $after }
check-fact-full-vanish = small packets arrive, of { $full } bytes none did
check-fact-stuck = { $unacked } segments were never acknowledged, { $again } were sent again, { $order } came out of order
check-fact-fault = { $code }
check-fact-certificate-when = { $name }: { $when }
check-fact-certificate-names = asked for { $asked }, it is for { $offered }
check-fact-certificate-whose = { $name } { $got }
check-fact-words = it speaks { $kind }: { $text }
check-fact-asked-silent = the request was sent, and nothing came for { $after }
check-fact-waits = it says nothing before it is asked
check-fact-fin = it closed without a word
check-fact-reset-after = it reset the connection after accepting it
check-fact-status = status { $status }
check-fact-page-cut = { $end ->
    [fin] it closed the connection within the answer, after { $bytes } bytes of the body
    [rst] it reset the connection within the answer, after { $bytes } bytes of the body
   *[late] the answer stopped after { $bytes } bytes of the body
 }
check-next-longer = a longer budget, with -t
check-next-port = a port on it, as host:port
check-next-listen = start the program there, or look which port and address it listens on (sockeye port)
check-next-message = sockeye ask with a message that the program answers
check-next-resolver = another DNS server in /etc/resolv.conf
check-next-compare = compare the DNS servers; have the wrong one corrected, or use another
check-next-spelling = look at the spelling; ask who runs the domain
check-next-records = ask who runs the domain for an A or AAAA record
check-next-hosts = correct or remove that line
check-next-route-entry = remove that route (ip route)
check-next-route-add = add a route, or a default gateway (ip route)
check-next-cable = the cable, the switch, ip link set up
check-next-gateway = is the gateway on, and is this its address?
check-next-mask = the right prefix for our address (ip addr, DHCP)
check-next-host-up = is the host on, and is this its address?
check-next-filter = who guards that host or network has to allow it
check-next-router = who runs that router has to give it a route
check-next-loop = who runs these routers has to end the loop
check-next-filter-or-backlog = a filter drops packets to that port, or the program there does not accept: look on that host (ss -ltn)
check-next-backlog = restart the program, or make it accept faster
check-next-beyond = the same from elsewhere, and who runs the network behind it
check-next-mtu = a smaller MTU here (ip link set mtu 1280); let ICMP "too big" pass on the way
check-next-server-log = the log of the program there
check-next-plain = the same without TLS, or the port where TLS is spoken
check-next-renew = renew the certificate, and look at the clocks
check-next-certificate-name = a name that the certificate has, or a certificate for this one
check-next-trust = --ca with the authority's certificate, or --pin
check-next-certificate = sockeye cert show
check-next-client-certificate = --cert and --key
check-next-application = is this the right port? Speak what it speaks
check-next-server-slow = a longer budget with -t; what is the program there waiting for?
## addr

error-not-on-this-system = { $what } cannot be had on this system
    .hint = it is there on Linux; on other systems it is not built yet
verb-addr = addresses: this machine's, what one is, whether two share a network
verb-addr-long =
    without ADDR: interfaces, addresses, gateways, DNS servers. With one: why it is not valid, or what it is, how far it
    reaches, its network and range. ADDR is 192.168.1.7, 192.168.1.7/24, 192.168.1.7/255.255.255.0 or fe80::1%eth0; a
    mask may stand behind it as a word of its own. --same exits with 1 if the two do not share a network
word-addr = an address, perhaps with its prefix or mask; of --same two, of --summarize any number of networks
flag-addr-same = whether two addresses share a network, and how a packet goes from the first to the second
flag-addr-split = cut the network into networks of this prefix, or mask
flag-addr-split-into = cut the network into at least so many networks of one size
flag-addr-summarize = join networks to the fewest that have exactly the same addresses
addr-invalid = { $text } is not a valid address
addr-lenient = programs that read it with inet_aton take it for { $address }
addr-mistake = { $what ->
    [empty] there is nothing
    [too-long] it is longer than any address
    [no-address] it has neither four octets with dots between them nor groups with colons between them
    [octets] an IPv4 address has 4 octets; this has { $text }
    [octet-empty] octet { $place } is empty
    [octet-too-large] octet { $place } is { $text }: at most 255 fits into 8 bits
    [octet-leading-zero] octet { $place } is { $text }: with a leading zero some programs read it as octal, which is { $more }
    [octet-no-octal] octet { $place } is { $text }: with a leading zero some programs read it as octal, and it is no octal number
    [octet-not-decimal] octet { $place } is { $text }: an octet is a decimal number
    [groups] an IPv6 address has 8 groups, or :: once in place of zeroes; this has { $text } groups and no ::
    [nothing-to-fill] :: stands for at least one group of zeroes, and there are { $text } groups beside it
    [two-gaps] :: stands twice: how many zeroes each stands for could not be told
    [colons] three colons in a row
    [lone-colon] a single colon at the beginning or the end
    [group-too-long] group { $place } is { $text }: a group has at most 4 digits
    [group-not-hex] group { $place } is { $text }: a group has hexadecimal digits, 0-9 and a-f
    [dots-not-last] group { $place } has dots: an IPv4 address may only end an IPv6 address
    [zone-empty] after % the interface is missing, as in fe80::1%eth0
    [zone-on-ipv4] IPv4 addresses have no zone
    [brackets] brackets belong to URLs, as in tcp://[::1]:80; the address stands without
    [prefix-no-number] the prefix is { $text }: it has to be a number
    [prefix-range] the prefix is { $text }: from 0 to { $more }
    [mask-not-contiguous] { $text } is no mask: it has a 0 before a 1 ({ $more })
    [wildcard] this is a wildcard, a mask turned round; the mask is { $text } (/{ $more })
    [mask-bad] { $text } is no mask
    [mask-on-ipv6] IPv6 has prefixes alone, as in /64
   *[two-sizes] it has a prefix and a mask: one of them is enough
  }
addr-none = none
addr-gateway = gateway
addr-dns = DNS
addr-search = search
addr-link-off = off
addr-link-no-carrier = no carrier
addr-link-up = up
addr-mac = MAC { $mac }
addr-mtu = MTU { $mtu }
addr-link-scope = scope { $scope }
addr-link-broadcast = broadcast { $address }
addr-link-peer = peer { $address }
addr-tentative = tentative: not used yet
addr-duplicate = DUPLICATE: another host has it
addr-deprecated = deprecated: not for new connections
addr-temporary = temporary
addr-valid = valid for { $seconds } s
addr-gateway-on = { $gateway } on { $link } (metric { $metric })
addr-gateway-link = all on { $link }, without a gateway (metric { $metric })
addr-gateways = shared over { $ways } (metric { $metric })
addr-dns-line = { $address } ({ $path }, line { $line })
addr-dns-unused = { $address } ({ $path }, line { $line }): not used, the C library takes the first three
addr-dns-none = { $path } names none: the C library asks 127.0.0.1
addr-dns-mistake = { $text } is no address ({ $path }, line { $line }): skipped
addr-family = family
addr-scope = scope
addr-reach = { $reach ->
    [unspecified] unspecified: no address of any host, or this network
    [loopback] loopback: this machine itself, never on a wire
    [private] private: many networks have the same, so not routed on the Internet
    [shared] shared: between a provider and its customers (carrier-grade NAT)
    [link-local] link-local: never beyond a router
    [documentation] documentation: for examples, never in use
    [benchmarking] benchmarking: for measurements in laboratories
    [broadcast] broadcast: every host of this link
    [protocol] special: kept for a protocol
    [reserved] reserved for later
    [discard] discard-only: packets to it are thrown away
    [multicast] multicast: a group of hosts
    [site-local] site-local: deprecated by RFC 3879, treated as global
    [unassigned] not assigned: nobody has it
   *[global] global: may be anybody's on the Internet
  }
addr-group = { $group ->
    [local-control] for this link alone, whatever the TTL
    [source-specific] source-specific: one sender each
    [administered] as far as the administrator says
   *[internet] Internet-wide, or as far as the TTL
  }
addr-group-v6 = scope { $number }: { $group }
addr-registry = registry
addr-registered = { $block } { $name } ({ $source })
addr-reachable = reach
addr-global = { $global ->
    [yes] may be from everywhere
    [no] not from everywhere
   *[unsaid] IANA does not say
  }
addr-class = class
addr-class-of = { $what ->
    [sized] { $class } (begins with { $bits }, networks were { $prefix })
   *[none] { $class } (begins with { $bits })
  }
addr-class-historic = historic (RFC 791): since RFC 4632 only the prefix counts
addr-short = short
addr-full = full
addr-zone = zone
addr-embedded = inner v4
addr-embedded-as = { $what ->
    [mapped] { $address }: mapped (RFC 4291 section 2.5.5.2)
    [compatible] { $address }: compatible, deprecated (RFC 4291 section 2.5.5.1)
    [six-to-four] { $address }: 6to4 (RFC 3056 section 2)
    [teredo] { $address }, UDP port { $port }, by the server { $server }: Teredo (RFC 4380 section 4)
    [nat64] { $address }: NAT64 (RFC 6052 section 2.1)
   *[isatap] { $address }: ISATAP (RFC 5214 section 6.1)
  }
addr-eui64 = EUI-64
addr-eui64-of = made of the MAC { $mac }, it seems (RFC 4291 appendix A)
addr-solicited = NS group
addr-binary = binary
addr-mask = mask
addr-wildcard = wildcard
addr-network = network
addr-host = host
addr-no-prefix = not known without a prefix or mask: { $address }/{ $prefix }, for one
addr-broadcast = broadcast
addr-hosts = range
addr-range = { $what ->
    [one] { $first } alone
    [pair] { $first } and { $last } (RFC 3021: a link of two needs no broadcast)
   *[many] { $first } – { $last }
  }
addr-count = count
addr-counted = { $what ->
    [one] 1 address
    [pair] 2 addresses, both for hosts
    [six] { $size } addresses (2^{ $power })
   *[many] { $hosts } for hosts, of { $size } (2^{ $power })
  }
addr-role = this one
addr-role-is = { $role ->
    [network] names the network: no host has it
    [anycast] is the anycast address of the network's routers (RFC 4291 section 2.6.1)
   *[broadcast] is the broadcast address: no host has it
  }
addr-reverse = reverse
addr-here = here
addr-here-on = an address of this machine, on { $links }
addr-same = { $verdict ->
    [yes] { $from } and { $to } share a network
    [half] { $from } and { $to }: one side thinks that they share a network, the other does not. A mask is wrong
   *[no] { $from } and { $to } do not share a network
  }
addr-equal = equal: for { $own }, { $other } is in its own network (/{ $prefix })
addr-differs = they differ from bit { $bit } of { $prefix }: for { $own }, { $other } is in another network
addr-path-textbook = { $verdict ->
    [yes] { $from } asks by { $ask } for { $to } itself and sends straight to it
   *[no] { $from } asks by { $ask } for its gateway and hands the packet over. Which gateway is not known here: { $from } is not this machine's
  }
addr-path-own = { $what ->
    [local] it never leaves this machine: both are its own
    [gateway] this machine asks by { $ask } for the gateway { $gateway } on { $link } and hands the packet over
    [direct] this machine asks by { $ask } for { $to } itself on { $link } and sends straight to it
    [quiet] this machine sends it by { $link }, where nobody is asked for
   *[other] this machine's route for { $to } is of the kind { $kind }
  }
addr-path-refused = this machine does not send it: { $kind ->
    [none] no route to { $to } from { $from } on { $link } (the system's number { $errno })
    [blackhole] its route is a blackhole, and nobody is told
   *[other] its route says { $kind } (the system's number { $errno })
  }
addr-neighbour = { $known ->
    [none] { $address } has not been asked for lately
    [unknown] { $address } is { $state }: no MAC known
   *[known] { $address } is { $state }, { $mac }
  }
addr-split = { $network } in { $count } networks of /{ $prefix }, { $hosts } hosts each
addr-split-more = { $asked } were asked for; networks of one size come in powers of two, so there are { $count }
addr-split-left = … and { $count } more
addr-summary = { $given } given, { $count } left
addr-trimmed = { $network } was taken as { $trunk }: bits after the prefix do not count

## ping

verb-ping = whether a host answers, and how fast
verb-ping-long =
    by ICMP on a datagram socket if that is allowed, else on a raw socket, else by UDP to closed ports, whose refusal is
    an answer, else by TCP; which one and why is said. Exits with 0 if anything answered, 1 if nothing did, 4 if there is
    no name or no route
word-ping-host = a name or an address
flag-ping-tcp = by TCP connections to this port; refused is an answer too
flag-ping-udp = by datagrams to this port; an answer, or that it is closed
flag-ping-count = how many (default 10); 0 is until Ctrl-C, a million at the most
flag-ping-interval = time between two, 10ms to 1h (default 1s)
flag-ping-size = bytes of payload, 0 to 65507 (default 56)
flag-ping-four = IPv4 alone
flag-ping-six = IPv6 alone
ping-begun = { $host } by { $way }{ $sized ->
    [yes] , { $size } bytes each
   *[no] {""}
  }
ping-way = { $way ->
    [icmp] ICMP (datagram socket)
    [icmp-raw] ICMP (raw socket)
    [udp] UDP to closed ports from { $first } on
    [udp-port] UDP to port { $port }
   *[tcp] TCP to port { $port }
  }
ping-refused-way = not by { $way }: { $why }{ $kind ->
    [icmp] . The sysctl net.ipv4.ping_group_range would let this user
    [icmp-raw] . Root may, or CAP_NET_RAW
   *[other] {""}
  }
ping-others = it has other addresses: { $others }
ping-answer = { $what ->
    [echo] { $bytes } bytes from { $from }  seq { $number }
    [datagram] { $bytes } bytes from { $from }  seq { $number }  (a service's answer)
    [open] { $from } is open  seq { $number }
   *[closed] { $from } refuses: the port is closed, the host answers  seq { $number }
  }
ping-ttl = ttl { $ttl }
ping-late = LATE
ping-duplicate = DUPLICATE
ping-corrupt = CORRUPT from byte { $at } on
ping-ordered = (which one it answers is concluded from the order)
ping-silent = seq { $number }: no answer within { $wait } s
ping-trouble = seq { $number }: { $from } says { $says } ({ $protocol } type { $type }, code { $code })
ping-icmp = { $word ->
    [net-unreachable] network unreachable
    [host-unreachable] host unreachable
    [protocol-unreachable] protocol unreachable
    [port-unreachable] port unreachable
    [fragmentation-needed] fragmentation needed, MTU { $mtu }
    [source-route-failed] source route failed
    [net-unknown] network unknown
    [host-unknown] host unknown
    [net-prohibited] network prohibited
    [host-prohibited] host prohibited
    [prohibited] prohibited by an administrator
    [source-quench] source quench
    [hops-exceeded] TTL exceeded on the way
    [reassembly-exceeded] fragments did not all arrive in time
    [parameter-problem] a bad header
    [no-route] no route
    [beyond-scope] beyond the scope of the source address
    [address-unreachable] address unreachable
    [source-policy] source address against its policy
    [reject-route] its route rejects it
    [packet-too-big] packet too big, MTU { $mtu }
   *[other] something unknown here
  }
ping-unsent = seq { $number }: this system says { $why }
ping-limited = some of this loss may be no loss: many hosts refuse by ICMP about once a second, so -i 1s or --tcp PORT is fairer
ping-nothing = { $kind ->
    [icmp] nothing came: many hosts and firewalls drop ICMP, and --tcp PORT asks another way
    [udp] nothing came: firewalls often drop such datagrams, and --tcp PORT asks another way
    [udp-port] nothing came: an open UDP port that says nothing looks the same as one behind a firewall
   *[tcp] nothing came: the host is down, or something on the way drops it; other ports may fare better
  }
ping-summary = { $sent } sent, { $answered } answered, { $lost } lost ({ $loss } %)
ping-count-failed = errors reported: { $count }
ping-count-late = late: { $count }
ping-count-duplicate = duplicates: { $count }
ping-count-corrupt = corrupt: { $count }
ping-count-under-way = under way: { $count }
ping-times = min { $min }  median { $median }  p90 { $p90 }  p99 { $p99 }  max { $max }  jitter { $jitter } ms
ping-clock = { $whose ->
    [kernel] times from the kernel, as each packet left and arrived
    [program] times from this program's clock: waiting for the processor is in them
   *[both] times from the kernel where it gives them, else from this program's clock
  }
ping-neighbour = { $ask } on this machine got no answer: nobody has that address, or the router before it is gone
ping-plot = { $shared ->
    [yes] each column the longest of { $each }
   *[no] a column each
  }, from { $min } to { $max }; × is lost
# port, watch
verb-watch = watch this machine's sockets live, and how they die
verb-watch-long = a table on a terminal, a line for each event otherwise, an object for each with --json. New sockets and changes of state are found by looking every second, so that what is shorter may be overlooked; of each death the kernel tells, with its last figures, also of other users' sockets. What could not be kept up with is counted. No privilege is needed; without one the processes of other users are not visible. -t ends it. Linux only
verb-port = who listens here, who holds a port and what it is for, free ports
verb-port-long = without words: every listening TCP socket and bound UDP socket with its process. With a port: who holds it, what IANA has registered there, and whether it could be bound here and now. With a name: its port. No privilege is needed, but processes of other users are then not visible
word-port-asked = a port, or the name of a service
flag-watch-port = only sockets with one of these ports at either end, by number or name
flag-watch-peer = only sockets whose peer is in one of these networks
flag-watch-state = only sockets in one of these states: established, time-wait, listen, …
flag-watch-process = only sockets of these processes, by number or part of the name
flag-watch-every = the time between two looks (default 1s, at least 100ms)
flag-watch-once = show what is there now, and end
flag-port-free = print so many ports that are free on TCP and UDP (at most 1000)
error-unknown-port = { $name } is no port and no registered name
    .hint = a port is a number from 0 to 65535; names are those of IANA's registry, such as http
    .near = did you mean one of these: { $near }?
error-cannot-look = this system does not show its sockets
    .hint = it works on Linux, with a kernel that has inet_diag; in a container it may be switched off
error-unknown-state = { $name } is no state of a TCP connection
    .hint = they are LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT, CLOSED
socket-process = { $name } (pid { $pid })
socket-processes = { $name } (pid { $pid }, and { $others } more)
socket-listener = likely { $name } (pid { $pid })
socket-user = uid { $uid }
socket-hidden = not visible
note-port-none = nothing listens here
note-port-hidden = processes not visible: { $count }; they belong to other users, whom root sees, or run outside this container
port-protocol = proto
port-address = address
port-process = process
port-registered = registered
port-title = port { $port }
port-class = class
port-well-known = well-known, 0-1023: assigned by IANA after review (RFC 6335)
port-registered-range = registered, 1024-49151: assigned by IANA on application (RFC 6335); courses often call 1024-65535 dynamic
port-dynamic = dynamic, 49152-65535: never assigned (RFC 6335); courses often call 1024-65535 dynamic
port-unassigned = nothing
port-never = nothing, and never will be: no port of this range is assigned
port-copy = by IANA's registry as of { $date }
port-held = held by
port-held-none = nobody waits for peers here
port-may-not-see = its process is not visible: it belongs to another user, whom root sees, or runs outside this container
port-unseen = this system does not show it
port-connections = connections
port-ephemeral = ephemeral
port-range-in = in the range { $range }, from which this system gives ports to who asks for none
port-range-out = outside the range { $range }, from which this system gives ports to who asks for none
port-range-reserved = reserved: this system never gives it by itself (ip_local_reserved_ports), though it may be bound; it gives those of { $range }
port-range-unknown = this system does not say which ports it gives
port-usage-tcp = { $protocol }: { $ports } of { $size } in use by { $sockets } sockets, { $waiting } of them in TIME-WAIT
port-usage-udp = { $protocol }: { $ports } of { $size } in use by { $sockets } sockets
port-bind = binding
port-bind-works = works here and now
port-bind-reuse = works only with SO_REUSEADDR, as servers set it: old connections are in TIME-WAIT
port-bind-taken = does not work: it is taken
port-bind-privileged = does not work: ports below { $first } need a privilege (root, CAP_NET_BIND_SERVICE)
port-bind-no-address = does not work: this machine has no such address
port-bind-other = does not work: { $detail }
watch-protocol = proto
watch-state = state
watch-local = local
watch-peer = peer
watch-process = process
watch-rtt = rtt
watch-cwnd = cwnd
watch-retransmits = retr
watch-receive-queue = recv-q
watch-send-queue = send-q
watch-in = in/s
watch-out = out/s
watch-sort-rate = rate
watch-sort-port = local port
watch-head = { $shown } of { $sockets } sockets, { $time }: { $opened } opened, { $died } died, { $missed } missed
watch-keys = q quit  s sort ({ $sort })  / filter  ↑↓ j k scroll
watch-sorted = sorted by { $sort }
watch-deaths = last to die
watch-present = there
watch-opened = opened
watch-changed = state
watch-died = died
watch-missed = { $count } deaths were missed: more came than the kernel keeps for this program
watch-figures = in { $in } B, out { $out } B, rtt { $rtt }, { $retransmits } retransmits
watch-seen = seen for { $time }
watch-unseen = not seen alive
watch-polled = (figures of the last look)
note-watch-cut = there are more sockets than are looked at
note-watch-began = watching { $wanted } of { $sockets } sockets, and all that come
note-watch-totals = watched for { $time }: { $opened } opened, { $died } died, { $missed } deaths missed
# trace
verb-trace = one connection seen whole: handshake, states, close, as a ladder
verb-trace-long = connects, sends MESSAGE if there is one, waits for the reply as `ask` does, closes, and shows all of it between two columns: each segment with its flags and numbers, the state of each end from CLOSED to TIME-WAIT, and the socket call behind it. Every line says how it is known: captured, traced, polled or inferred. Capturing takes root or CAP_NET_RAW; without, the trace says so and shows what this program and the kernel know
word-trace-message = the message, as in `ask`; without one the connection is made and closed
flag-trace-wait = stay until the time after TIME-WAIT has passed
flag-trace-svg = also draw the ladder to this file
flag-trace-html = also write a page with the ladder and both state diagrams, and a slider to step through
flag-trace-pcapng = also write the captured packets, as they were, for Wireshark
trace-blind-rights = packets were not captured: that takes root or CAP_NET_RAW
trace-blind-system = packets were not captured: this system offers no way that sockeye knows
trace-blind-other = packets were not captured: { $error }
trace-blind-seen = so sequence numbers, windows, options and lost or repeated segments are not seen; lines marked I are concluded from this program's calls
trace-blind-hint = sudo sockeye trace …, or once: sudo setcap cap_net_raw+ep "$(command -v sockeye)"
how-captured = captured
how-traced = traced
how-polled = polled
how-inferred = inferred
trace-last-own = this end   { $address }: { $state } ({ $how })
trace-last-other = other end  { $address }: { $state } ({ $how })
trace-numbers = relative numbers count from { $client } (left) and { $server } (right)
trace-figures = kernel: rtt { $rtt } ms, mss { $mss }, cwnd { $cwnd }, retransmitted { $count }
trace-ends-in = ends in { $time }
trace-lost = packets that were missed, so that the ladder has gaps: { $count }
trace-scheduled = write: byte { $byte } handed to the interface
trace-sent = write: byte { $byte } left
trace-acknowledged = write: byte { $byte } acknowledged
trace-icmp = ICMP { $kind }/{ $code } from { $address }
trace-mark-retransmission = retransmission
trace-mark-out-of-order = out of order
trace-mark-gap = something before it was not seen
trace-mark-duplicate-ack = duplicate ACK
trace-mark-zero-window = zero window
trace-mark-window-update = window update
trace-mark-keep-alive = keep-alive
trace-previous = previous
trace-next = next
trace-unknown = unknown
trace-saved-syn = the client's SYN: { $facts }
flag-serve-trace = tell of each session, as it ends, as `trace` does: what was on the wire, and both ends' states
trace-untold = sessions that were not told, since too many ended at once: { $count }
trace-left-out = … { $count } lines left out here; -v shows all, --json too
trace-not-drawn = … { $count } lines more are not drawn; --json has all
## explain

verb-explain = take a packet apart, layer by layer, or wrap a message
verb-explain-long =
  Shows what each layer of a packet says and adds, its place in the five-layer and the OSI model, and what is wrong with
  it. INPUT is hex in any usual notation (hexdump, tcpdump -x, Wireshark, C), a file (pcap, pcapng, text with hex, or the
  bytes themselves), or - for stdin. Bare bytes are Ethernet; --as says otherwise. -v explains every field.
  With --wrap it goes the other way: what a message to an endpoint looks like at each layer on the wire; nothing is sent
word-explain-input = hex, a file, or - for stdin; with --wrap, the endpoint
flag-explain-as = what the bytes begin with: ethernet (default), arp, ip, ipv4, ipv6, icmp, icmpv6, tcp, udp, dns, dhcp, http, tls, or guess, which takes what makes most sense; in a capture the capture says it
flag-explain-packet = this packet of a capture, counted from 1 (default 1)
flag-explain-all = every packet of a capture
flag-explain-wrap = wrap this message for the endpoint instead: text, or bytes as hex:… and b64:…
flag-explain-mtu = with --wrap: the longest packet of the link, 1280 to 65535 (default 1500)
note-explain-instead = this makes little sense as Ethernet; --as { $name } would fit
note-explain-guessed = --as { $name } is a guess
note-explain-file-cut = the file ends within a packet, which is left out
explain-title = packet { $number }: { $size } bytes, { $when }
explain-title-cut = packet { $number }: { $size } of { $whole } bytes were captured, { $when }
explain-title-bytes = { $size } bytes
explain-hex-more = … { $count } more bytes; -v shows all
explain-place = { $five } layer ({ $number } of 5, OSI { $osi }), adds { $added } bytes: { $bytes }
explain-place-carried = { $five } layer ({ $number } of 5, OSI { $osi }), what is carried: bytes { $bytes }
explain-place-empty = { $five } layer ({ $number } of 5, OSI { $osi }), of which nothing is here
explain-five-physical = physical
explain-five-link = link
explain-five-network = network
explain-five-transport = transport
explain-five-application = application
explain-ethernet = Ethernet
explain-vlan = 802.1Q tag
explain-llc = 802.2 LLC
explain-cooked = cooked capture
explain-null = loopback header
explain-arp = ARP
explain-ipv4 = IPv4
explain-ipv6 = IPv6
explain-ipv6-extension = IPv6 extension
explain-icmp = ICMP
explain-icmpv6 = ICMPv6
explain-tcp = TCP
explain-udp = UDP
explain-dns = DNS
explain-dhcp = DHCP
explain-http = HTTP
explain-tls = TLS
explain-data = data
explain-message = message
explain-framing = framing
explain-websocket = WebSocket
explain-physical = cable
explain-part = { $part } of { $whole } bytes
explain-padding = padding
explain-tail = tail
explain-preamble = preamble
explain-check-and-gap = FCS + gap
explain-about-ethernet = brings a frame to the next machine on the same link, by hardware address (IEEE 802.3)
explain-about-vlan = keeps several networks on one cable apart (IEEE 802.1Q)
explain-about-llc = says what is inside a frame that has a length in place of a type (IEEE 802.2)
explain-about-cooked = was never on a cable: Linux writes it for packets captured on "any" device
explain-about-null = was never on a cable: systems write it for packets of the loopback device
explain-about-arp = asks the link who has an IPv4 address, because Ethernet needs a hardware address (RFC 826)
explain-about-ipv4 = brings a packet to any host of the Internet, from router to router; it may be lost (RFC 791)
explain-about-ipv6 = as IPv4, with longer addresses and a simpler header (RFC 8200)
explain-about-ipv6-extension = a header between that of IPv6 and what it carries (RFC 8200 section 4)
explain-about-icmp = tells senders what became of their packets, and answers pings (RFC 792)
explain-about-icmpv6 = as ICMP, and in place of ARP: finds neighbours and routers (RFC 4443, RFC 4861)
explain-about-tcp = makes a reliable stream of bytes out of packets, between two programs (RFC 9293)
explain-about-udp = brings a datagram to a program, or not; nothing is repeated (RFC 768)
explain-about-dns = finds what belongs to a name, mostly addresses (RFC 1035)
explain-about-dhcp = gives a machine its address, its router and its DNS servers (RFC 2131)
explain-about-http = asks for pages and hands over data, in lines of text (RFC 9112)
explain-about-tls = encrypts a stream, and proves who is at the other end (RFC 8446)
explain-about-data = what the layers above are there for: bytes of an application
explain-about-message = what a program wants to say
explain-about-framing = marks where a message ends, because a stream has no bounds ("sticky packets")
explain-about-websocket = a frame with its length, masked by clients (RFC 6455 section 5.2)
explain-about-physical = preamble 8, check sequence 4, gap to the next frame 12; no capture shows them (IEEE 802.3)
explain-flaw = ! { $flaw }
explain-flags = flags set
explain-none-set = none
explain-more = { $shown } … and { $count } more bytes
explain-named = { $value } ({ $name })
explain-group = { $name }: { $inside }
explain-unit-bytes = { $count } bytes
explain-unit-seconds = { $count } s
explain-unit-milliseconds = { $count } ms
explain-unit-eight-bytes = { $count } × 8 bytes
explain-wrong-truncated = truncated: at least { $count } bytes are missing
explain-wrong-fragment = the rest is in other fragments
explain-wrong-quote = the message that quotes it stops here
explain-wrong-continues = goes on in a later segment: at least { $count } bytes more
explain-wrong-checksum = { $field } is { $found } and should be { $right }
explain-wrong-unverified = { $field } cannot be checked: not all that it covers is here
explain-wrong-length = { $field } says { $says }, which does not fit: { $bound }
explain-wrong-reserved = { $field } should be zero
explain-wrong-version = version { $value } is not this protocol's
explain-wrong-value = { $field } has a value that it must not have: { $value }
explain-wrong-name = { $field }: the name has no end, or points where none is
explain-wrong-malformed = { $field } is not written as the protocol says
explain-wrong-many = only the first { $count } are shown
explain-wrong-deep = layers lie deeper than is shown
explain-wrap-title = a message to { $endpoint }, from { $from } to { $to }
explain-units = in { $count } pieces
explain-examples = examples: the sender { $from }, both hardware addresses and the numbers of TCP or IP
explain-example-mask = an example too: the mask 37fa213d of the WebSocket frame, which a client draws anew each time
explain-example-name = an example too: { $to }, because the name was not asked for
explain-encrypted = ?? is encrypted, or a checksum over what is: it is not made up
explain-once = only when the connection begins, not for each message: { $layers }
explain-segments = { $count } segments: the link takes packets of { $mtu } bytes, so TCP cuts the stream; drawn is the first
explain-fragments = { $count } fragments: the link takes packets of { $mtu } bytes, so IP cuts the datagram; drawn is the first
explain-frames-more = … { $count } more frames; -v shows all
explain-frame = frame { $number } of { $count }: { $size } bytes
explain-name-correct = correct
explain-name-wrong = wrong
explain-name-not-checked = not checked
explain-name-absent = absent
explain-name-illegal = not allowed
explain-name-broadcast = broadcast
explain-name-multicast = multicast
explain-name-request = request
explain-name-reply = reply
explain-name-query = query
explain-name-response = response
explain-name-standard-query = standard query
explain-name-echo-request = echo request
explain-name-echo-reply = echo reply
explain-name-destination-unreachable = destination unreachable
explain-name-network-unreachable = network unreachable
explain-name-host-unreachable = host unreachable
explain-name-protocol-unreachable = protocol unreachable
explain-name-port-unreachable = port unreachable
explain-name-address-unreachable = address unreachable
explain-name-no-route = no route
explain-name-fragmentation-needed = fragmentation needed, and DF is set
explain-name-packet-too-big = packet too big
explain-name-administratively-prohibited = administratively prohibited
explain-name-host-prohibited = host prohibited
explain-name-network-prohibited = network prohibited
explain-name-redirect = redirect
explain-name-time-exceeded = time exceeded
explain-name-ttl-exceeded-in-transit = TTL exceeded in transit
explain-name-hop-limit-exceeded-in-transit = hop limit exceeded in transit
explain-name-fragment-reassembly-time-exceeded = fragment reassembly time exceeded
explain-name-parameter-problem = parameter problem
explain-name-router-solicitation = router solicitation
explain-name-router-advertisement = router advertisement
explain-name-neighbour-solicitation = neighbour solicitation
explain-name-neighbour-advertisement = neighbour advertisement
explain-name-source-link-layer-address = source link-layer address
explain-name-target-link-layer-address = target link-layer address
explain-name-prefix-information = prefix information
explain-name-recursive-DNS-server = recursive DNS server
explain-name-no-operation = no operation
explain-name-end-of-options = end of options
explain-name-maximum-segment-size = maximum segment size
explain-name-window-scale = window scale
explain-name-SACK-permitted = SACK permitted
explain-name-SACK = SACK
explain-name-timestamps = timestamps
explain-name-user-timeout = user timeout
explain-name-fast-open = fast open
explain-name-router-alert = router alert
explain-name-record-route = record route
explain-name-handshake = handshake
explain-name-alert = alert
explain-name-application-data = application data
explain-name-change-cipher-spec = change cipher spec
explain-name-warning = warning
explain-name-fatal = fatal
explain-name-infinity = infinity
explain-name-subnet-mask = subnet mask
explain-name-router = router
explain-name-domain-name-server = DNS server
explain-name-host-name = host name
explain-name-domain-name = domain name
explain-name-broadcast-address = broadcast address
explain-name-requested-address = requested address
explain-name-lease-time = lease time
explain-name-message-type = message type
explain-name-server-identifier = server identifier
explain-name-parameter-request-list = parameter request list
explain-name-renewal-time = renewal time
explain-name-rebinding-time = rebinding time
explain-name-vendor-class = vendor class
explain-name-client-identifier = client identifier
explain-name-end = end
explain-f-arp-hardware-size = hardware size
explain-f-arp-hardware-type = hardware type
    .why = which kind of link the hardware addresses are of (RFC 826)
explain-f-arp-operation = operation
    .why = 1 asks who has an address, 2 answers (RFC 826)
explain-f-arp-protocol-size = protocol size
explain-f-arp-protocol-type = protocol type
    .why = which protocol's addresses are asked for; 0x0800 is IPv4
explain-f-arp-sender-hardware = sender hardware
explain-f-arp-sender-ip = sender IP
explain-f-arp-sender-mac = sender MAC
    .why = whoever hears this may note it beside the sender's address
explain-f-arp-sender-protocol = sender address
explain-f-arp-target-hardware = target hardware
explain-f-arp-target-ip = target IP
    .why = the address whose owner is to answer
explain-f-arp-target-mac = target MAC
    .why = in a request nobody knows it yet: that is what is asked
explain-f-arp-target-protocol = target address
explain-f-cooked-address = address
explain-f-cooked-address-length = address length
explain-f-cooked-device-type = device type
explain-f-cooked-direction = direction
    .why = whether this machine sent it, or whom it was for
explain-f-cooked-interface = interface
explain-f-cooked-protocol = protocol
explain-f-cooked-reserved = reserved
explain-f-data-bytes = bytes
explain-f-dhcp-address = address
explain-f-dhcp-boot-file = boot file
explain-f-dhcp-broadcast = broadcast
    .why = the client has no address yet, and wants the answer sent to all
explain-f-dhcp-broadcast-address = broadcast
explain-f-dhcp-client-hardware = client hardware
explain-f-dhcp-client-ip = client IP
    .why = an address that the client has already
explain-f-dhcp-client-mac = client MAC
    .why = whom the address is for
explain-f-dhcp-cookie = magic cookie
    .why = says that options follow (RFC 2131 section 3)
explain-f-dhcp-dns-server = DNS server
explain-f-dhcp-domain-name = domain
explain-f-dhcp-elapsed = elapsed
    .why = how long the client has been trying
explain-f-dhcp-hardware-length = hardware length
explain-f-dhcp-hardware-type = hardware type
explain-f-dhcp-hops = hops
    .why = how many relays passed it on
explain-f-dhcp-host-name = host name
explain-f-dhcp-message-type = message
    .why = DISCOVER, OFFER, REQUEST, ACK: the four steps to an address
explain-f-dhcp-operation = operation
    .why = 1 from a client, 2 from a server (RFC 2131 section 2)
explain-f-dhcp-option = option
    .why = everything that was not thought of in 1985: number, length, value (RFC 2132)
explain-f-dhcp-option-code = code
explain-f-dhcp-option-data = data
explain-f-dhcp-option-length = length
explain-f-dhcp-option-padding = padding
explain-f-dhcp-padding = padding
explain-f-dhcp-relay-ip = relay
    .why = a router that passes DHCP between networks
explain-f-dhcp-requested-address = requested
explain-f-dhcp-requested-option = wanted
explain-f-dhcp-reserved = reserved
explain-f-dhcp-router = router
    .why = the default gateway
explain-f-dhcp-server-identifier = server
    .why = which server, where several offer
explain-f-dhcp-server-ip = next server
    .why = whom to load a boot file from; not the DHCP server
explain-f-dhcp-server-name = server name
explain-f-dhcp-size = size
explain-f-dhcp-subnet-mask = mask
    .why = which part of the address names the network
explain-f-dhcp-text = text
explain-f-dhcp-time = time
explain-f-dhcp-transaction = transaction
    .why = drawn by the client, so that it knows the answers to its own question
explain-f-dhcp-vendor-class = vendor
explain-f-dhcp-your-ip = your IP
    .why = the address that the server gives
explain-f-dns-a = address
explain-f-dns-aaaa = address
explain-f-dns-additional = additional
    .why = what the asker will want to know next
explain-f-dns-additionals = additionals
explain-f-dns-alpn = protocol
explain-f-dns-answer = answer
    .why = a resource record: what is known of a name, and for how long
explain-f-dns-answers = answers
explain-f-dns-authentic = AD
    .why = the resolver has checked the signatures (DNSSEC, RFC 4035)
explain-f-dns-authoritative = AA
    .why = the server is responsible for the zone itself
explain-f-dns-authorities = authorities
explain-f-dns-authority = authority
    .why = who is responsible for the zone
explain-f-dns-caa-flags = flags
explain-f-dns-caa-tag = tag
explain-f-dns-caa-value = value
explain-f-dns-checking-disabled = CD
    .why = do not check signatures for me
explain-f-dns-class = class
    .why = IN, the Internet, for all that is in use
explain-f-dns-cname = true name
explain-f-dns-data = data
explain-f-dns-data-length = data length
explain-f-dns-dname = name tree
explain-f-dns-dnssec-ok = DO
    .why = send signatures too (RFC 3225)
explain-f-dns-edns-version = EDNS version
explain-f-dns-extended-rcode = result, high bits
explain-f-dns-id = id
    .why = the answer repeats it, so that the question is found
explain-f-dns-ipv4-hint = IPv4 hint
explain-f-dns-ipv6-hint = IPv6 hint
explain-f-dns-length = length
    .why = TCP has no message bounds, so each message says how long it is (RFC 1035 section 4.2.2)
explain-f-dns-mx = mail server
explain-f-dns-name = name
    .why = labels with a length before each; two high bits point back into the message (RFC 1035 section 4.1.4)
explain-f-dns-ns = name server
explain-f-dns-opcode = operation
explain-f-dns-option = option
explain-f-dns-option-code = code
explain-f-dns-option-data = data
explain-f-dns-option-length = length
explain-f-dns-parameter-key = key
explain-f-dns-parameter-length = length
explain-f-dns-parameter-value = value
explain-f-dns-port = port
explain-f-dns-preference = preference
    .why = the lowest is tried first
explain-f-dns-ptr = name
explain-f-dns-question = question
explain-f-dns-questions = questions
explain-f-dns-rcode = result
    .why = NXDOMAIN: there is no such name
explain-f-dns-recursion-available = RA
    .why = this server does ask others
explain-f-dns-recursion-desired = RD
    .why = please ask others until you know
explain-f-dns-reserved = bit Z
explain-f-dns-response = kind
    .why = 0 asks, 1 answers
explain-f-dns-service-parameter = parameter
explain-f-dns-service-priority = priority
    .why = 0 is an alias (RFC 9460)
explain-f-dns-service-target = target
explain-f-dns-soa-expire = expire
explain-f-dns-soa-mailbox = mailbox
explain-f-dns-soa-minimum = minimum
    .why = for how long "no such name" may be kept (RFC 2308)
explain-f-dns-soa-refresh = refresh
explain-f-dns-soa-retry = retry
explain-f-dns-soa-serial = serial
    .why = grows when the zone changes
explain-f-dns-soa-server = primary server
explain-f-dns-srv-port = port
explain-f-dns-srv-priority = priority
explain-f-dns-srv-target = host
explain-f-dns-srv-weight = weight
explain-f-dns-truncated = TC
    .why = it did not fit into UDP: ask again over TCP
explain-f-dns-ttl = TTL
    .why = for how long the answer may be kept
explain-f-dns-txt = text
explain-f-dns-type = type
    .why = what is asked for: an A is an IPv4 address, AAAA an IPv6 address, MX mail, NS a name server, CNAME another name
explain-f-dns-udp-size = UDP size
    .why = the longest answer that the asker takes over UDP (RFC 6891)
explain-f-ethernet-destination = destination
    .why = whom on this link the frame is for; ff:ff:ff:ff:ff:ff is everybody
explain-f-ethernet-length = length
    .why = the frame of IEEE 802.3: how long what it carries is
explain-f-ethernet-padding = padding
    .why = a frame has at least 60 bytes, so that collisions were noticed in time
explain-f-ethernet-source = source
    .why = who sent it on this link: a router, once it comes from farther away
explain-f-ethernet-trailer = trailer
explain-f-ethernet-type = type
    .why = what is inside; from 1536 up it is a type, below a length (IEEE 802.3)
explain-f-http-body-length = body
    .why = how much of the content is in this packet
explain-f-http-header = field
    .why = a name, a colon and a value (RFC 9110 section 5)
explain-f-http-method = method
    .why = what is to be done: GET fetches, POST hands over (RFC 9110 section 9)
explain-f-http-reason = reason
explain-f-http-status = status
    .why = 2xx done, 3xx elsewhere, 4xx your mistake, 5xx the server's (RFC 9110 section 15)
explain-f-http-target = target
    .why = what it is about, without the host
explain-f-http-version = version
explain-f-icmp-checksum = checksum
    .why = over the whole message (RFC 1071)
explain-f-icmp-code = code
    .why = the type in more detail
explain-f-icmp-gateway = gateway
    .why = the router to use instead
explain-f-icmp-identifier = identifier
    .why = tells the pings of one program from those of another
explain-f-icmp-mtu = next MTU
    .why = the longest packet that the next link takes: path MTU discovery (RFC 1191)
explain-f-icmp-pointer = pointer
    .why = which byte is wrong
explain-f-icmp-sequence = sequence
    .why = counts pings, so that a lost one is noticed
explain-f-icmp-type = type
    .why = what the message says: 8 asks for an echo, 3 unreachable, 11 time exceeded (RFC 792)
explain-f-icmp-unused = unused
explain-f-icmpv6-autonomous = autonomous (A)
    .why = hosts may make themselves an address of it (RFC 4862)
explain-f-icmpv6-checksum = checksum
    .why = over the message and the addresses of IPv6 (RFC 4443 section 2.3)
explain-f-icmpv6-code = code
    .why = the type in more detail
explain-f-icmpv6-dns-lifetime = lifetime
explain-f-icmpv6-dns-server = DNS server
explain-f-icmpv6-home-agent = home agent (H)
explain-f-icmpv6-hop-limit = hop limit
    .why = what hosts are to put into their packets
explain-f-icmpv6-identifier = identifier
explain-f-icmpv6-link-address = MAC
explain-f-icmpv6-link-mtu = MTU
explain-f-icmpv6-managed = managed (M)
    .why = addresses come from DHCPv6
explain-f-icmpv6-mtu = MTU
    .why = routers of IPv6 do not cut packets: the sender has to send shorter ones
explain-f-icmpv6-on-link = on-link (L)
    .why = they can be reached without a router
explain-f-icmpv6-option = option
explain-f-icmpv6-option-data = data
explain-f-icmpv6-option-length = length
explain-f-icmpv6-option-type = type
explain-f-icmpv6-other-configuration = other settings (O)
    .why = other settings come from DHCPv6
explain-f-icmpv6-override = override (O)
    .why = replace what was known before
explain-f-icmpv6-pointer = pointer
explain-f-icmpv6-preference = preference
explain-f-icmpv6-preferred-lifetime = preferred
explain-f-icmpv6-prefix = prefix
    .why = addresses that begin so are of this network (RFC 4861 section 4.6.2)
explain-f-icmpv6-prefix-length = prefix length
explain-f-icmpv6-reachable-time = reachable time
explain-f-icmpv6-redirected = destination
explain-f-icmpv6-retransmission-time = retransmission time
explain-f-icmpv6-router = router (R)
    .why = who answers is a router
explain-f-icmpv6-router-lifetime = router lifetime
    .why = 0: this is no default router
explain-f-icmpv6-sequence = sequence
explain-f-icmpv6-solicited = solicited (S)
    .why = an answer to a question
explain-f-icmpv6-target = target
    .why = the address that is asked about
explain-f-icmpv6-type = type
    .why = what the message says; from 128 up it is no error (RFC 4443)
explain-f-icmpv6-unused = unused
explain-f-icmpv6-valid-lifetime = valid
explain-f-ipv4-checksum = checksum
    .why = over the header alone; every router makes it anew, because the TTL changed (RFC 1071)
explain-f-ipv4-destination = destination
    .why = the only thing that routers look at to find the way
explain-f-ipv4-dont-fragment = DF
    .why = routers must not cut it, but say that it is too long (RFC 1191)
explain-f-ipv4-dscp = DSCP
    .why = how urgent it is, for routers that care (RFC 2474)
explain-f-ipv4-ecn = ECN
    .why = routers mark it here before they drop packets (RFC 3168)
explain-f-ipv4-fragment-offset = fragment offset
    .why = where this piece belongs in the whole
explain-f-ipv4-header-length = header length
    .why = options make the header longer than 20 bytes
explain-f-ipv4-identification = identification
    .why = the same in all fragments of one packet
explain-f-ipv4-more-fragments = MF
    .why = this is not the last piece
explain-f-ipv4-option = option
explain-f-ipv4-option-data = data
explain-f-ipv4-option-length = length
explain-f-ipv4-option-padding = padding
explain-f-ipv4-option-pointer = pointer
explain-f-ipv4-option-route = route
explain-f-ipv4-option-type = type
explain-f-ipv4-protocol = protocol
    .why = what is inside: 1 ICMP, 6 TCP, 17 UDP
explain-f-ipv4-reserved = reserved
explain-f-ipv4-router-alert = router alert
explain-f-ipv4-source = source
    .why = where answers go
explain-f-ipv4-total-length = total length
    .why = header and all; what is behind is padding of the link
explain-f-ipv4-ttl = TTL
    .why = each router takes one off; at 0 it is thrown away, so that nothing circles for ever (RFC 791 section 3.2)
explain-f-ipv4-version = version
    .why = 4, so that whoever gets it knows how to read the rest
explain-f-ipv6-extension-data = data
explain-f-ipv6-extension-fragment-offset = fragment offset
    .why = where this piece belongs in the whole
explain-f-ipv6-extension-icv = integrity check
explain-f-ipv6-extension-identification = identification
    .why = the same in all fragments of one packet
explain-f-ipv6-extension-length = length
explain-f-ipv6-extension-more-fragments = more fragments
explain-f-ipv6-extension-next-header = next header
    .why = headers make a chain, each says what comes next (RFC 8200 section 4)
explain-f-ipv6-extension-option = option
explain-f-ipv6-extension-option-data = data
explain-f-ipv6-extension-option-length = length
explain-f-ipv6-extension-option-type = type
explain-f-ipv6-extension-reserved = reserved
explain-f-ipv6-extension-reserved-bits = reserved bits
explain-f-ipv6-extension-router-alert = router alert
explain-f-ipv6-extension-routing-type = routing type
explain-f-ipv6-extension-segments-left = segments left
explain-f-ipv6-extension-sequence = sequence
explain-f-ipv6-extension-spi = SPI
explain-f-ipv6-destination = destination
explain-f-ipv6-dscp = DSCP
    .why = how urgent it is, for routers that care (RFC 2474)
explain-f-ipv6-ecn = ECN
    .why = routers mark it here before they drop packets (RFC 3168)
explain-f-ipv6-flow-label = flow label
    .why = the same for all packets of a connection, so that they take one way (RFC 6437)
explain-f-ipv6-hop-limit = hop limit
    .why = as the TTL of IPv4: each router takes one off
explain-f-ipv6-next-header = next header
    .why = what is inside: another header, or a protocol as in IPv4
explain-f-ipv6-payload-length = payload length
    .why = what is behind this header of 40 bytes
explain-f-ipv6-source = source
explain-f-ipv6-version = version
explain-f-llc-control = control
explain-f-llc-dsap = DSAP
explain-f-llc-oui = organization
explain-f-llc-protocol = protocol
explain-f-llc-ssap = SSAP
explain-f-llc-type = type
explain-f-null-family = address family
explain-f-tcp-ack = ACK
    .why = the acknowledgment counts; set in all segments but the first
explain-f-tcp-acknowledgment = acknowledgment
    .why = all bytes before this one have arrived; this one is expected next
explain-f-tcp-ae = AE
explain-f-tcp-checksum = checksum
    .why = over header, data and the IP addresses, so that a packet that went astray is noticed (RFC 9293 section 3.1)
explain-f-tcp-cwr = CWR
    .why = the sender has slowed down (RFC 3168)
explain-f-tcp-destination-port = destination port
    .why = which program it is for: 80 is HTTP, 443 HTTPS
explain-f-tcp-ece = ECE
    .why = a router on the way marked congestion (RFC 3168)
explain-f-tcp-fast-open-cookie = cookie
    .why = lets the SYN carry data already (RFC 7413)
explain-f-tcp-fin = FIN
    .why = this side has nothing more to send
explain-f-tcp-header-length = header length
    .why = options make it longer than 20 bytes
explain-f-tcp-mss = MSS
    .why = the most data in one segment that the sender of this takes
explain-f-tcp-option = option
    .why = kind, length, value; a NOP only fills up (RFC 9293 section 3.2)
explain-f-tcp-option-data = data
explain-f-tcp-option-kind = kind
explain-f-tcp-option-length = length
explain-f-tcp-option-padding = padding
explain-f-tcp-psh = PSH
    .why = the sender has nothing more for now: hand it to the program
explain-f-tcp-reserved = reserved
explain-f-tcp-rst = RST
    .why = no such connection, or it is over at once
explain-f-tcp-sack-from = from
    .why = bytes that arrived although some before them are missing (RFC 2018)
explain-f-tcp-sack-to = to
explain-f-tcp-sequence = sequence
    .why = the number of the first byte in this segment: bytes are counted, not packets (RFC 9293 section 3.4)
explain-f-tcp-source-port = source port
    .why = which program sent it; the one who connects gets a free one from its system
explain-f-tcp-syn = SYN
    .why = opens a connection and says the first number
explain-f-tcp-timestamp = timestamp
    .why = a clock of the sender's, to measure round trips (RFC 7323)
explain-f-tcp-timestamp-echo = echo
explain-f-tcp-urg = URG
    .why = the urgent pointer counts
explain-f-tcp-urgent = urgent pointer
explain-f-tcp-user-timeout = user timeout
explain-f-tcp-window = window
    .why = how many bytes more the sender of this has room for; the window scale of the SYN multiplies it (RFC 7323)
explain-f-tcp-window-shift = shift
    .why = the window counts in units of two to this power (RFC 7323)
explain-f-tls-alert = alert
    .why = why the connection ends (RFC 8446 section 6)
explain-f-tls-alert-level = level
explain-f-tls-alpn = protocol
    .why = what is to be spoken inside: h2 is HTTP/2 (RFC 7301)
explain-f-tls-alpn-length = protocol length
explain-f-tls-certificate = certificate
    .why = who the server says it is, and who vouches for it
explain-f-tls-certificate-issuer = issuer
explain-f-tls-certificate-length = length
explain-f-tls-certificate-names = names
explain-f-tls-certificate-subject = subject
explain-f-tls-certificate-until = valid until
explain-f-tls-certificates-length = certificates length
explain-f-tls-change-cipher-spec = change cipher spec
    .why = what follows is encrypted; in TLS 1.3 only for show
explain-f-tls-cipher-suite = cipher suite
explain-f-tls-cipher-suites = cipher suites
    .why = ways to encrypt that the client knows, the best first; the server picks one
explain-f-tls-cipher-suites-length = suites length
explain-f-tls-compression-method = compression
explain-f-tls-compression-methods-length = compression length
explain-f-tls-content-type = content
    .why = what the record holds (RFC 8446 section 5.1)
explain-f-tls-encrypted = encrypted
    .why = only the two ends can read it
explain-f-tls-extension = extension
    .why = what TLS has learnt since 1999 is in these (RFC 8446 section 4.2)
explain-f-tls-extension-data = data
explain-f-tls-extension-length = length
explain-f-tls-extension-type = type
explain-f-tls-extensions-length = extensions length
explain-f-tls-group = group
explain-f-tls-handshake = handshake
explain-f-tls-handshake-data = data
explain-f-tls-handshake-length = length
explain-f-tls-handshake-type = type
explain-f-tls-key-share = key share
    .why = half of a key agreement: both halves make the key, neither alone does
explain-f-tls-key-share-group = group
explain-f-tls-key-share-key = key
explain-f-tls-key-share-length = length
explain-f-tls-list-length = list length
explain-f-tls-random = random
    .why = makes every connection's keys others
explain-f-tls-record-length = length
explain-f-tls-record-version = record version
    .why = for old machines on the way; TLS 1.3 writes 1.2 here (RFC 8446 section 5.1)
explain-f-tls-server-name = server name
    .why = which site is wanted, so that one address can have many; anybody on the way can read it (RFC 6066 section 3)
explain-f-tls-server-name-length = name length
explain-f-tls-server-name-type = name type
explain-f-tls-session-id = session id
explain-f-tls-session-id-length = session id length
explain-f-tls-signature-scheme = signature
explain-f-tls-supported-version = version
explain-f-tls-version = version
    .why = the version of TLS 1.2 and older; newer ones are in supported_versions
explain-f-udp-checksum = checksum
    .why = over header, data and the IP addresses; 0 over IPv4 means there is none
explain-f-udp-destination-port = destination port
    .why = which program it is for: 53 is DNS, 67 DHCP
explain-f-udp-length = length
    .why = header and data (RFC 768)
explain-f-udp-source-port = source port
    .why = which program sent it, so that it can be answered
explain-f-vlan-drop-eligible = DEI
explain-f-vlan-id = VLAN
    .why = which of several networks on one cable (IEEE 802.1Q)
explain-f-vlan-length = length
explain-f-vlan-priority = priority
explain-f-vlan-type = type
