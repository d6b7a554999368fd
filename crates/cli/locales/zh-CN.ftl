# sockeye 对人说的每一句话（简体中文）。键与 en.ftl 相同，由测试保证。
# 反引号里的字照原样输入。

## 错误、警告与提示的拼法

error = 错误[{ $code }] { $subject }：{ $sentence }
error-bare = 错误[{ $code }]：{ $sentence }
warning = 警告[{ $code }] { $subject }：{ $sentence }
warning-bare = 警告[{ $code }]：{ $sentence }
error-session = #{ $session } { $error }
with-detail = { $sentence }（{ $detail }）
hint = 提示：{ $hint }
where = 位置：{ $layer }，{ $side }
layer-usage = 命令行
layer-file = 文件
layer-name = 域名解析
layer-transport = 传输层
layer-security = 安全层
layer-framing = 分帧
layer-application = 会话
side-here = 在本端
side-peer = 在对端
side-path = 在途中
side-unknown = 不知在哪一端

lines-left-out = （此处略去 { $count } 行：没有程序来读）

## 各种错误。`.hint` 说该怎么办；知道相近的词时用 `.near`

error-usage = { $what ->
    [missing] 缺少 { $name }
    [extra] 这里不该再有别的词，却有 { $name }
    [value] { $name } 后面要有值
    [no-value] { $name } 后面不带值
    [conflict] { $name } 不能和其他参数一起用
    [not-utf8] 有一个参数不是 UTF-8
   *[other] 命令写得不对
  }
    .hint = 请看 `{ $help }`
error-bad-endpoint = { $endpoint } 不是端点
    .hint = 端点写作 主机:端口、:端口、-，或 tcp://127.0.0.1:9000 这样的 URL
error-bad-host = “{ $name }”不是主机
    .hint = 主机只写名称或地址，如 example.org、192.0.2.7 或 fe80::1%eth0；端口用 --tcp 或 --udp 给出
error-bad-port = { $port } 不是端口
    .hint = 端口是 0 到 65535 的数；监听时 0 表示任选一个空闲端口
error-unknown-scheme = 没有名为 { $name } 的传输方式
    .hint = 用 `sockeye list transports` 查看有哪些
    .near = 是不是 { $near }？用 `sockeye list transports` 查看有哪些
error-unknown-layer = 没有内置名为 { $name } 的层
    .hint = 去掉它再试，例如 tcp://主机:端口
    .near = 是不是 { $near }？
error-unfit-layer = { $name } 需要流，而 { $scheme } 传送的是数据报
    .hint = 请用在 tcp 或 unix 上；没有内置 DTLS
error-passwords-differ = 两次输入的密码不同
    .hint = 没有作任何改动；请把同一个密码输入两次
error-unknown-user = { $path } 里没有用户 { $name }
    .hint = sockeye user list 列出有哪些用户
error-unknown-parameter = 端点没有参数 { $name }
    .hint = `sockeye --help` 列出所有参数，它们也都是选项
    .near = 是不是 { $near }？
error-repeated-parameter = { $name } 给了两次
    .hint = 只留一个；选项优先于 URL
error-bad-value = { $name } 的值不能是 { $value }
    .detailed = 请用括号里的一个
    .hint = 时长写作 500ms 或 2s，大小写作 64k 或 1m；各选项接受什么见 `--help`
error-unfit-parameter = { $name } 对 { $scheme } 没有意义
    .hint = 去掉它；`sockeye list transports` 列出各传输方式接受的参数
    .near = 它属于 { $near }：请写作 { $near }+{ $scheme }://…，或去掉它
error-unknown-framing = 没有名为 { $name } 的分帧方式
    .hint = 用 `sockeye list framings` 查看有哪些
    .near = 是不是 { $near }？用 `sockeye list framings` 查看有哪些
error-bad-framing = 分帧方式 { $value } 写得不对
    .hint = 写法是 { $syntax }；`sockeye list framings` 里有例子
error-bad-network = { $value } 不是网段
    .hint = 网段是一个地址（如 10.0.0.5）或一个前缀（如 10.0.0.0/8、2001:db8::/32）；多个之间用逗号隔开
    .near = 前缀之后的位必须全是零：是不是 { $near }？单个地址不用写斜杠
error-unfit-framing = 分帧方式 { $framing } 不适用于 { $scheme }
    .hint = 数据报本来就是完整的消息；流可用 dgram 以外的任何分帧方式
error-unfit-trace = { $scheme } 不发送可以观察到的数据包
    .hint = trace 支持 tcp 与 udp，以及其上的各层：tls、ws、auth
error-unknown-fault = --fault 没有 { $name } 这种故障
    .hint = 用 `sockeye list faults` 查看有哪些
    .near = 是不是 { $near }？用 `sockeye list faults` 查看有哪些
error-bad-fault = --fault { $name } 写得不对
    .hint = 写法是 { $syntax }；P 取 0 到 1，TIME 写作 500ms 或 2s，SIZE 写作 64k 或 1m
    .near = 是不是 { $near }？写法是 { $syntax }
error-unfit-fault = 故障 { $name } 在 { $scheme } 上做不到
    .hint = 各种故障的作用见 `sockeye list faults`
    .near = 数据报会遇到的问题，流会自己修复；数据报也没有连接可以切断。这里相近的有：{ $near }
error-unknown-service = 没有名为 { $name } 的服务
    .hint = 用 `sockeye list services` 查看有哪些
    .near = 是不是 { $near }？用 `sockeye list services` 查看有哪些
error-unknown-verb = 没有名为 { $name } 的命令
    .hint = `sockeye --help` 列出所有命令；端点要带冒号，例如 127.0.0.1:9000
    .near = 是不是 `sockeye { $near }`？
error-unknown-subcommand = `sockeye { $verb }` 后面不能跟 { $name }
    .hint = 用 `sockeye { $verb } --help` 查看有哪些
    .near = 是不是 `sockeye { $verb } { $near }`？
error-unknown-flag = 没有选项 { $name }
    .hint = 在命令后加 `--help` 查看它的选项；要发送以短横线开头的词，请在前面加 --
    .near = 是不是 { $near }？
error-bad-pattern = { $value } 不是带回答的模式
    .hint = 写作 模式=回答，模式可以是文字、/正则表达式/ 或 hex:
error-bad-template = 模板 { $value } 不能用
    .hint = 模板用 Jinja 语法，例如 {"'{{typed}},{{message}}'"}；可用的变量有 typed、message、peer
error-bad-hex = { $value } 不是十六进制
    .hint = 两个十六进制数字为一个字节，例如 48 65 6c；空格可有可无
error-unknown-charset = 没有名为 { $name } 的字符集
    .hint = 用 `sockeye list charsets` 查看有哪些
    .near = 是不是 { $near }？
error-not-in-charset = 字符集 { $charset } 里没有字符 { $character }
    .hint = 改用 --enc utf-8 或 gb18030（它们有全部字符），或去掉这个字符
error-datagram-too-long = { $size } 字节的数据报发不出去：最多 { $max } 字节
    .hint = 一次少发一些，或改用流：tcp 没有这个限制
error-unframeable = 分帧方式 { $framing } 装不下 { $size } 字节的消息
    .hint = 改用长度字段更宽的分帧方式，例如 u32be，或一次少发一些；消息里也不能含有结束它的标记
error-bad-certificate-name = 不能为 { $name } 签发证书
    .hint = 服务端写域名（例如 app.example、*.app.example）或地址，不带协议和端口，中文域名写成 xn--… 的形式；客户端和 CA 的名字是一行 1 到 64 个字符
error-without-tls = { $endpoint } 没有 TLS，那里不会出示证书
    .hint = 写作 tls://主机:端口，或只写 主机:端口
error-contradiction = { $name } 和 { $other } 不能一起用
    .hint = { $name ->
        [self-signed] 它会自己生成证书：两个只留一个
        [tap] 只有一份报告能写到标准输出：另一份写到文件，例如 json=文件
        [json] 只有一份报告能写到标准输出：另一份写到文件，例如 tap=文件
        [pin] pin 只信一个公钥，ca 信文件里的 CA，insecure 谁都信：只留你要的那一个
        [ca] pin 只信一个公钥，ca 信文件里的 CA，insecure 谁都信：只留你要的那一个
        [insecure] pin 只信一个公钥，ca 信文件里的 CA，insecure 谁都信：只留你要的那一个
       *[other] 请只留下想要的那个
      }
error-bad-server-name = { $name } 不能作为 TLS 的服务器名
    .hint = 服务器名是域名或地址，不带协议和端口；中文域名写成 xn--… 的形式；--sni 可另给一个名字
error-bad-pin = { $value } 不是 pin
    .hint = pin 写作 sha256: 加 44 个 base64 字符；`sockeye cert show` 和 -v 会显示证书的 pin
error-without-certificate = TLS 服务端要有证书可以出示
    .hint = 用 --cert 文件 --key 文件，或用 --self-signed 为这次运行临时生成；`sockeye cert all` 可生成证书文件
error-no-file = 没有文件 { $path }
    .hint = 请检查文件名和目录
error-bad-file = 文件 { $path } 读不懂
    .hint = 请改正括号里所说的地方
error-users-kept = 文件 { $path } 已改动，但读不懂；原来能登录的人照旧，此外谁也不能登录
    .hint = 请改正括号里所说的地方；改好后会自动重新读取
error-unplayable = { $path }：{ $what ->
    [open] 不知道该为 { $value } 发送什么
    [reopens] 连接关闭后又出现 { $value }：服务器的每个会话只有一条连接
    [secures] 会话中途出现 { $value }：服务器不能自行启用 TLS
    [several] 还有第二个参与者，而负载中每个连接都执行同一个端的步骤
    [listens] 这个端是监听的，而负载中由我们发起连接
    [upgrades] 会话中途出现 { $value }：负载中的连接从头到尾不变
    [no-peer] 没有任何参与者
   *[empty] 没有可以播放的步骤
  }
    .hint = { $what ->
        [open] 请在这一步后面写明可以发送什么：like "250 ok"
        [reopens] 请为每条连接各写一个参与者：peer c2 connect …
       *[other] docs/skt.zh-CN.md 有每种步骤的例子
      }
error-unknown-key = { $path } 里有不存在的键：{ $name }
    .hint = 可用的键有 endpoint、service、args，以及 serve 各选项的长名
    .near = 是不是 { $near }？
error-exec-not-allowed = { $path } 要运行程序
    .hint = 请先看看这个文件；信得过再加上 --allow-exec
error-file-exists = { $path } 已经存在，所以什么都没有写
    .hint = --dir 目录 可写到别处；--force 会覆盖它，用旧密钥签发或固定（pin）过的都会作废
error-unwritable = { $path } 写不进去
    .hint = 括号里是系统给出的原因；请换一个写得进去的地方
error-recording-stopped = { $path } 再也写不进去，这路录制停了
    .hint = 已录下的都在，会话照常进行；请腾出空间，或录到别处：--record 文件、--store 文件
error-recording-late = 录制在 { $after } 内没有写完，末尾可能缺一段
    .hint = 磁盘不接受写入；哪些会话是完整的，看 sockeye sessions list
error-bad-recording = 不能录到 `{ $value }`
    .hint = --record 后面可以是 store、文件.skt（会话脚本）、文件.pcapng（给 Wireshark 的包）或 文件.jsonl（事件）
    .near = 是不是想写 { $near }？--record 后面可以是 store、文件.skt、文件.pcapng 或 文件.jsonl
error-bad-store = { $what ->
    [newer] 会话库 { $path } 是更新版本的 sockeye 写的
    [foreign] { $path } 不是 sockeye 的会话库
    [busy] 会话库 { $path } 被别的程序占用超过 10 秒
    [broken] 会话库 { $path } 已损坏
    [full] 会话库 { $path } 所在的磁盘满了
    [open] 会话库 { $path } 打不开
   *[other] 会话库 { $path } 不能用
 }
    .hint = { $what ->
        [newer] 请用那个版本打开，或者用 --store 文件 或 SOCKEYE_STORE 指定别的会话库
        [broken] sqlite3 { $path } .recover 能救出还读得到的内容；也可以用 --store 文件 或 SOCKEYE_STORE 指定别的会话库
       *[other] 可以用 --store 文件 或 SOCKEYE_STORE 指定别的会话库
      }
error-no-store = 还没有录过：会话库 { $path } 不存在
    .hint = 用 --record store 录制会话；用 --store 文件 指定别的会话库
error-no-session = { $what ->
    [none] 没有会话 { $name }：会话库 { $path } 是空的
    [mixed] 会话 { $name } 是在不同的一端或不同的服务端录的，不是同一场对话
    [peer] { $path } 里没有哪个会话的任一端地址含有 { $name }
   *[other] 没有会话 { $name }：{ $path } 里的编号是 { $have }
 }
    .hint = { $what ->
        [mixed] 请各自导出成一个文件；`sockeye sessions list` 的 --service 和 --peer 可以把它们分开
        [peer] 请照地址显示的样子写：192.0.2.7、:6379、[2001:db8::7]:80
       *[other] 用 `sockeye sessions list` 看有哪些；如果是这个名字的文件，请写 ./{ $name }
      }
error-bad-certificate = { $what ->
    [no-pem] { $path } 里既没有证书也没有密钥：找不到 -----BEGIN …----- 这样的行
    [der] { $path } 是 DER，而这里要 PEM
    [truncated] { $path } 第 { $line } 行的 { $name } 没有结尾
    [base64] { $path } 第 { $line } 行的 { $name } 不是 base64
    [long] { $path } 超过 { $max } 字节
    [many] { $path } 超过 { $max } 段
    [key] { $path } 里是密钥，而这里要证书
    [no-certificate] { $path } 里没有证书，只有 { $name }
    [certificate] { $path } 里是证书，而这里要私钥
    [no-key] { $path } 里没有私钥，只有 { $name }
    [locked] { $path } 第 { $line } 行的私钥有密码保护
    [unusable-key] { $path } 里的私钥不能用
    [no-authority] { $path } 里的证书不是 CA，不能签发别的证书
    [mismatch] { $path } 里的私钥与 { $name } 里的证书不是一对
    [expired] { $path } 里的证书已过期，或尚未生效
    [name] { $path } 里 CA 的名称无法原样写出
    [empty] { $path } 没有出示证书
    [section] { $path } 第 { $line } 行的证书读不懂
   *[x509] { $path } 里有一个证书读不懂
  }
    .hint = { $what ->
        [no-pem] PEM 是文本，其中有 -----BEGIN CERTIFICATE----- 这样的行；文件对不对？
        [truncated] 文件好像不完整：请重新复制整个文件
        [base64] 文件好像损坏了：请原样重新复制
        [der] 用 `openssl x509 -inform der -in 文件 -out 文件.pem` 转成 PEM，密钥则用 `openssl pkey`
        [key] 证书和密钥是不是写反了？证书以 -----BEGIN CERTIFICATE----- 开头
        [certificate] 证书和密钥是不是写反了？私钥以 -----BEGIN PRIVATE KEY----- 开头
        [locked] 用 `openssl pkey -in 文件 -out 明文文件` 解开，存成单独的文件；不要让别人读到它
        [unusable-key] 它可能已损坏，或种类不受支持：可用的有 ECDSA、Ed25519，以及 2048 位以上的 RSA
        [no-authority] 请给出 CA 自己的证书，或用 `sockeye cert ca` 新建一个
        [mismatch] 请给出与证书一同生成的那个密钥
        [expired] 用 `sockeye cert ca --force` 新建 CA，或检查本机时钟
        [name] 请用原来生成这个 CA 的程序来签发，或用 `sockeye cert ca` 另建一个
        [empty] 服务端可能要求先给出域名（SNI），或先用别的协议
       *[other] 文件对不对、完整不完整？用 `sockeye cert show 文件` 查看里面有什么
      }
error-half-identity = { $what ->
    [certificate] 只给了私钥 { $path }，没有给证书
   *[key] { $path } 里有证书，却没有私钥
  }
    .hint = { $what ->
        [certificate] 用 --cert 文件 给出证书
       *[key] 用 --key 文件 给出私钥；私钥也可以和证书放在同一个文件里
      }
error-no-authority = 没有可用来签发的 CA：缺少 { $path }
    .hint = `sockeye cert ca` 生成 CA，`sockeye cert all` 一次全部生成；CA 在别处时用 --ca 和 --ca-key 指明
error-bad-capture = { $what ->
    [empty] 抓包文件是空的
    [large] 抓包文件超过 { $max } 字节
    [link] 抓包文件来自不认识的网络类型：链路类型 { $link }
    [broken] 抓包文件已损坏
    [nothing] 抓包文件里没有 TCP 或 UDP 会话
   *[unknown] 这不是抓包文件：既不是 pcap，也不是 pcapng
  }
    .hint = { $what ->
        [large] 用 editcap -c 切分，或者抓包时加过滤条件
        [link] 请在以太网、回环或 any 设备上抓包
       *[unknown] tcpdump -w 文件名 或 Wireshark 存下的抓包文件都能读
      }
error-flawed-capture = { $what ->
    [gap] 流中有 { $count } 字节没有抓到
    [cut] 抓包时数据包被截短，少了 { $count } 字节
    [middle] 会话在抓包之前就开始了
    [fragment] 拼不起来的 IP 分片：{ $count } 个
    [file] 抓包文件断在一个数据包中间
    [flows] 抓包文件里的流太多，略去 { $count } 个数据包
   *[tls] 会话是加密的（TLS），看不到内容
  }
    .hint = { $what ->
        [gap] 请加大缓冲区（tcpdump -B），在靠近通信一端的机器上重新抓包
        [cut] 请抓完整的数据包：tcpdump -s 0
        [middle] 请先开始抓包，再建立会话
        [fragment] 请抓完整的数据包（tcpdump -s 0）再试
        [file] 断开处之前的内容已经读出
        [flows] 请按地址、端口或编号只取一个流
       *[tls] 请用 sockeye proxy --record 或 connect --record 在明文处录制
      }
error-unresolved = 域名 { $name } 没有地址
    .hint = 请检查拼写和域名服务器，或直接写地址
error-refused = 连接被拒绝
    .hint = 那里没有程序在监听，或被防火墙挡住了；请启动服务端，或检查主机和端口
error-unreachable = 到不了那里
    .hint = 请检查地址、路由，以及网络是否连通
error-port-unreachable = 那个 UDP 端口没有程序在监听
    .hint = 请启动服务端，或检查主机和端口；UDP 要发出数据之后才知道这一点
error-taken = 地址已被占用
    .owned = 地址已被 { $owner } 占用
    .hint = 换一个端口（:0 任选一个空闲端口），或结束占用它的程序
error-denied = 系统不允许使用 { $address }
    .hint = 1024 以下的端口需要特权，文件需要权限：请用更大的端口或别的路径
error-not-ours = { $address } 不是本机的地址
    .hint = 监听 any:端口 可用所有网卡，或改用本机已有的地址
error-cannot-connect = 没有成功
    .hint = 括号里是系统给出的原因
error-cannot-start = 无法启动 { $command }
    .hint = 请检查程序是否存在、是否可以执行
error-not-websocket = { $what ->
    [tls] 对端说的是 TLS，不是明文 WebSocket
    [silence] 该进行 WebSocket 升级时，对端一声不响就关闭了
    [cut] 对端在 WebSocket 升级途中关闭了：{ $bytes }
    [malformed] WebSocket 升级不是合格的 HTTP/1.1：{ $bytes } 有误
    [long] WebSocket 升级的消息头超过 { $max } 字节或 64 个字段
   *[other] 对端说的不是 WebSocket，它说的是：{ $bytes }
  }
    .hint = { $what ->
        [tls] 没有用 TLS 的一方，请把 ws:// 写成 wss://
        [other] 去掉 ws:// 就能照原样与它对话：tcp://主机:端口
       *[silence] 对端真是 WebSocket 服务器或客户端吗？端口对吗？要 TLS 的话得写 wss://
      }
error-upgrade-refused = { $what ->
    [bare] 服务器没有升级到 WebSocket，它回答 { $status }
   *[body] 服务器没有升级到 WebSocket，它回答 { $status }：{ $bytes }
  }
    .hint = 请检查路径（ws://主机:端口/路径）；有的服务器还要求 --origin、--subprotocol 或 --header 'Authorization: …'
error-bad-upgrade = { $what ->
    [accept] 服务器的回答不能证明它理解了升级请求（Sec-WebSocket-Accept: { $value }）
    [subprotocol] 服务器选了没有提供的子协议：{ $value }
    [extension] 服务器用了没有提供的扩展：{ $value }
   *[upgrade] 服务器回答了 101，却没有升级到 WebSocket
  }
    .hint = 服务器或它前面的代理不符合 RFC 6455：请试试绕过代理
error-turned-away = { $what ->
    [malformed] 已用 { $status } 拒绝：请求不是合格的 HTTP/1.1（{ $value } 有误）
    [too-long] 已用 { $status } 拒绝：请求头超过 16 KiB 或 64 个字段
    [method] 已用 { $status } 拒绝：方法是 { $value }，不是 GET
    [http-version] 已用 { $status } 拒绝：请求是 { $value }
    [body] 已用 { $status } 拒绝：请求带有正文
    [host] 已用 { $status } 拒绝：没有合格的 Host 字段（{ $value }）
    [version] 已用 { $status } 拒绝：WebSocket 协议版本是 { $value }
    [key] 已用 { $status } 拒绝：没有合格的 Sec-WebSocket-Key（{ $value }）
    [path] 已用 { $status } 拒绝：{ $value } 处什么也没有
    [foreign-host] 已用 { $status } 拒绝：一个网页把本服务器叫作 { $value }
    [origin] 已用 { $status } 拒绝：来自 { $value } 的网页
    [subprotocol] 已用 { $status } 拒绝：它的子协议这里都不支持（{ $value }）
   *[no-upgrade] 已用 { $status } 拒绝：对 { $value } 的普通 HTTP 请求，不是 WebSocket
  }
    .hint = { $what ->
        [foreign-host] 要让用这个名字的网页进来，请列出它们的源：--origin 'http://名字:端口'
        [origin] 如果这个网页可以使用本服务器，请加上 --origin '{ $value }'
        [path] 客户端必须使用端点里的那个路径
        [subprotocol] --subprotocol 列出接受的子协议
       *[no-upgrade] 已在回答的正文里告诉客户端原因
      }
error-connect-timeout = { $after } 后仍未连上
    .hint = 数据包好像没有回音：地址不对、有防火墙，或主机没开；-t 可以等得更久
error-handshake-timeout = { $layer } 握手没有在 { $after } 内完成
    .hint = 对端真的使用 { $layer } 吗？说另一种协议的对端可能只是在等待
error-no-proxy-header = 没有先收到 { $layer } 头部
    .hint = 如果客户端直接连接，监听时就不要写 { $layer }；中继则必须设为发送这个头部
error-bad-proxy-header = { $layer } 头部不合规则
    .hint = 头部由这台服务器前面的中继发送；请查它的手册中关于 PROXY 协议的部分
error-via-refused = 代理没有连通：{ $reason }
    .hint = 代理本身已连上；它可以连到哪里、那里是否应答，由代理决定
error-via-login = 代理要求另外的登录：{ $reason }
    .hint = 用户写作 socks5://USER@HOST:PORT；密码会另外询问，或从 SOCKEYE_VIA_PASSWORD 读取
error-not-a-proxy = 那里应答的不是这种代理（{ $reason }）
    .hint = 检查主机、端口和种类：socks5:// 或 http://
error-needed = { $layer } 需要 --{ $name }
    .hint = 见 sockeye serve --help 中各层的选项
error-no-password = 没有 { $name } 的密码
    .hint = 在终端里运行就会询问，或使用 --password-file 或 SOCKEYE_PASSWORD
error-token-in-clear = 令牌会以明文经过网络，任何人都能读到
    .hint = 在下面加一层 TLS，例如 auth+tls://HOST:PORT
error-bad-token = 没有人持有这个令牌
    .hint = sockeye user add NAME --token 会生成新的令牌
error-bad-credentials = { $name } 的密码不对，或没有这个用户
    .hint = sockeye user list 列出允许进入的人；sockeye user add 可以重设密码
error-auth-binding = 这次登录属于另一条 TLS 连接
    .hint = 两端之间有东西解开了加密：TLS 代理，或者攻击
error-auth-later = 从这里登录失败的次数太多；请稍后再试
    .hint = 服务器会暂时拒绝这个地址，一次比一次久
error-no-auth = 对端不使用 sockeye-auth（{ $reason }）
    .hint = 对端有 auth 层吗？两端都要写上，例如 auth+tls://
error-bad-auth = 对端违反了 sockeye-auth 的规则（{ $reason }）
    .hint = 协议见 docs/auth.md
error-server-unproven = 服务器放行了，却证明不了它知道密码
    .hint = 这不是保存您密码的那台服务器；不要与它通信
error-timeout = { $after } 后仍没有回答
    .hint = 对端一声不吭：是在等换行或更多数据，还是从不回答？-t 可以等得更久
error-idle = { $after } 内没有任何数据
    .hint = --idle 设定会话可以安静多久
error-session-time = 会话已持续 { $after }，不能再长了
    .hint = --max-session-time 设定会话最长多久
error-frame-timeout = 一个 { $framing } 帧开了头，{ $after } 内却没有收完
    .hint = 对端发得太慢、卡住了，或用了别的分帧方式（-F raw 可看它发了什么）；--frame-timeout 可给更多时间
error-no-trust = 本机没有可信任的 CA
    .hint = 请安装 ca-certificates 软件包，或用 --ca 文件 指明 CA，或用 --pin 指明一个公钥
error-plain-text = { $what ->
    [binary] { $role ->
        [client] 客户端
       *[server] 服务端
      }说的不是 TLS：它以 { $text } 开头
   *[text] { $role ->
        [client] 客户端
       *[server] 服务端
      }说的是明文：“{ $text }”
  }
    .hint = { $what ->
        [http] 它说的是不带 TLS 的 HTTP：请改用 tcp://（或 ws://），或换成它的另一个端口（通常是 443）
        [http-request] 它说的是不带 TLS 的 HTTP：请让它用 https://，或在这里改为监听 tcp://
        [ssh] 那是 SSH，它自己会加密：请改用 tcp://，或用 ssh
        [starttls] 这类服务端要先请求才转为 TLS（STARTTLS），这里没有内置；请试一开始就用 TLS 的端口（465、993、995、990）
       *[other] { $role ->
            [client] 它应当用 TLS 来连（tls://），或者这里改为监听 tcp://
           *[server] 请把 tls:// 换成 tcp://，或检查端口
          }
      }
error-echoes = 那里不是 TLS 服务端：它把收到的原样送回
    .hint = 那是回显（echo）服务：请把 tls:// 换成 tcp://
error-certificate-expired = { $name } 的证书已于 { $when } 过期（{ $days } 天前）
    .hint = { $role ->
        [client] 客户端需要换新证书；本机的时钟准吗？
       *[server] 服务端需要换新证书；本机的时钟准吗？--pin 可以不论期限只认公钥
      }
error-certificate-not-yet-valid = { $name } 的证书要到 { $when } 才生效
    .hint = 本机和签发证书的机器，时钟都准吗？
error-certificate-wrong-name = 证书不是给 { $asked } 的，而是给 { $offered } 的
    .hint = { $what ->
        [common-name] 它只在通用名（CN）里写了名字，这已不再算数（RFC 9525）：需要写在备用名称里；--pin 可以只认公钥
       *[names] 用 --sni 名字 请求并核对另一个名字；或用证书里有的名字来连接
      }
error-certificate-unknown-issuer = { $name } 的证书由 { $issuer } 签发，而它不受信任
    .hint = { $role ->
        [client] 用 --client-ca 指明哪些 CA 签发的客户端可以进来
       *[server] 用 --ca 文件 信任这个 CA；如果从可信的人那里得知这个公钥，可用 --pin { $got } 信任它
      }
error-certificate-self-signed = { $name } 的证书是自签名的：没有人为它担保
    .hint = { $role ->
        [client] 如果允许它进来，请把它放进 --client-ca 的文件
       *[server] 如果从可信的人那里得知这个公钥，可用 --pin { $got } 信任它
      }
error-certificate-wrong-purpose = { $name } 的证书不能当{ $role ->
    [client] 客户端
   *[server] 服务端
  }证书用：它的用途是 { $offered }
    .hint = { $role ->
        [client] 客户端证书要有 clientAuth 用途；是不是误用了服务端的证书？
       *[server] 服务端证书要有 serverAuth 用途；它是不是出示了客户端的证书？
      }
error-certificate-bad-signature = { $name } 的证书，签名对不上
    .hint = 它可能出自另一个同名的 CA，被改动过，或者根本不是{ $role ->
        [client] 客户端
       *[server] 服务端
      }自己的证书
error-certificate-of-authority = { $role ->
    [client] 客户端
   *[server] 服务端
  }把 CA 证书（{ $name }）当作自己的证书出示
    .hint = { $role ->
        [client] 它需要一张由那个 CA 签发的、自己的证书（CA:FALSE）
       *[server] 它需要自己的证书（CA:FALSE）：`sockeye cert server 名字`，或在 openssl req 里加 -addext basicConstraints=CA:FALSE；--pin { $got } 可以信任这个公钥
      }
error-certificate-unusable = { $role ->
    [client] 客户端
   *[server] 服务端
  }的证书不能用
    .hint = 括号里是程序库给出的原因；`sockeye cert show` 可查看证书的内容
error-certificate-missing = 客户端没有出示证书，而这里要求出示
    .hint = 客户端要用 --cert 文件 --key 文件，证书须由 --client-ca 文件里的 CA 签发
error-certificate-required = 服务端要求我们出示证书
    .hint = 用 --cert 文件 --key 文件 给出证书；该由哪个 CA 签发，要问服务端的管理者
error-pin-mismatch = 服务端的公钥不对：要的是 { $wanted }，得到的是 { $got }
    .hint = 如果它换了密钥，请向管理者要新的 pin；如果没有，就是有人夹在中间
error-tls-too-old = { $role ->
    [client] 客户端
   *[server] 服务端
  }只会已不安全的旧版 TLS，或与我们没有共同的版本
    .hint = 这里使用 TLS 1.2 和 1.3：请在{ $role ->
        [client] 客户端
       *[server] 服务端
      }启用，或升级它
error-tls-nothing-in-common = 与{ $role ->
    [client] 客户端
   *[server] 服务端
  }没有共同的{ $what ->
    [suite] 密码套件
    [group] 密钥交换组
   *[signature] 签名方式
  }
    .hint = { $role ->
        [client] 客户端
       *[server] 服务端
      }只允许过旧或少见的种类：请检查它的 TLS 设置，以及服务端密钥的种类
error-alpn-mismatch = 没有共同的应用层协议（ALPN）：{ $role ->
    [client] 客户端提供 { $offered }，而这里接受 { $wanted }
   *[server] { $wanted } 服务端都不接受
  }
    .hint = 用 --alpn 列出协议，最优先的在前；不给则不限
error-tls-alert = { $role ->
    [client] 客户端
   *[server] 服务端
  }拒绝了我们：{ $alert }
    .hint = { $alert ->
        [unknown_ca] { $role ->
            [client] 客户端不信任我们证书的 CA：请把我们的 CA 交给它（--ca），或把 pin 告诉它（--pin）
           *[server] 服务端不信任我们证书的 CA：请出示由它信任的 CA 签发的证书
          }
        [bad_certificate] 对端不接受我们的证书：名字和用途对吗？
        [certificate_unknown] 对端不接受我们的证书：它自己的日志会说明原因
        [unsupported_certificate] 我们的证书用途或种类不对：服务端要 serverAuth，客户端要 clientAuth
        [certificate_expired] 我们的证书已过期，或有一方的时钟不准
        [certificate_revoked] 我们的证书已被吊销：请换新证书
        [access_denied] 对端认得我们，但不让进；如果它用 pin，就是我们的公钥不是它要的那个
        [decrypt_error] 签名对不上：签发我们证书的 CA，可能与对端信任的那个只是同名
        [handshake_failure] 没有共同的版本或密码套件，或者对端要我们出示证书：见 --cert
        [unrecognized_name] 服务端不认识所请求的名字：用 --sni 换一个
        [certificate_required] 对端要求我们出示证书：见 --cert 和 --key
        [internal_error] 对端内部出了错：它自己的日志会说明原因
       *[other] 对端自己的日志也许会说明原因
      }
error-tls-cut = { $role ->
    [client] 客户端
   *[server] 服务端
  }在 TLS 握手中断开了连接（{ $what ->
    [fin] FIN
   *[rst] RST
  }）
    .hint = { $role ->
        [client] 它可能不信任我们的证书而没有明说，或者只是来看看端口开没开
       *[server] 它可能不说 TLS，要别的名字（--sni）或要证书（--cert），或者太忙；它自己的日志也许有说明
      }
error-tls-broken = { $role ->
    [client] 客户端
   *[server] 服务端
  }违反了 TLS 的规则
    .hint = 括号里是程序库给出的原因；也可能途中有东西改动了数据
error-reset = 对端切断了连接（RST）
    .hint = 它没读完就关闭了、崩溃了，或不接受你；它自己的日志也许说明了原因
error-broken = 连接断了
    .hint = 括号里是系统给出的原因
error-bad-frame = 这些字节不是 { $framing } 帧：{ $bytes }
    .hint = 对端可能用了别的分帧方式：-F raw 可看它发了什么
error-oversize = { $size } 字节的 { $framing } 帧超过上限 { $max }：{ $bytes }
    .hint = 对端可能用了别的分帧方式（-F raw 可看它发了什么）；否则请调大 --max-message，或分帧方式自己的 max:
error-truncated = 流在一个 { $framing } 帧的第 { $have } 字节处断了：{ $bytes }
    .hint = 对端中途停了，或用了别的分帧方式：-F raw 可看它发了什么
error-ws-protocol = 对端违反了 WebSocket 协议，已用关闭码 { $code } 告知它
    .hint = 括号里是它违反的规则；问题在对端的程序库，或在中间设备
error-ws-oversize = 一条至少 { $size } 字节的消息超过上限 { $max }
    .hint = --max-message 设定一条消息可以有多长
error-ws-closed = { $name ->
    [abnormal] 连接断开，没有 WebSocket 的关闭帧（1006）
    [protocol-error] 对端关闭：它认为我们违反了协议（1002）
    [unsupported-data] 对端关闭：它不接受这种数据（1003）
    [invalid-data] 对端关闭：数据与消息类型不符（1007）
    [policy-violation] 对端关闭：违反了它的规定（1008）
    [message-too-big] 对端关闭：消息对它来说太大（1009）
    [extension-missing] 对端关闭：它需要没有内置的扩展（1010）
    [internal-error] 对端关闭：它自己出了错（1011）
    [service-restart] 对端关闭：它正在重启（1012）
    [try-again-later] 对端关闭：它太忙（1013）
    [bad-gateway] 对端关闭：它背后的服务出了错（1014）
    [unauthorized] 对端关闭：未能证明我们的身份（3000）
    [forbidden] 对端关闭：我们无权这样做（3003）
    [timeout] 对端关闭：它等得太久了（3008）
   *[other] 对端以关闭码 { $code } 关闭
  }
    .hint = { $name ->
        [abnormal] 对端的程序结束了，或代理切断了连接；它自己的日志也许说明了原因
        [unsupported-data] 有的服务器只收文本或只收二进制：是 UTF-8 的内容按文本发送
       *[other] 对端若说了原因，就在括号里
      }
error-ws-silent = 对端在 { $after } 内既不说话，也不回应 ping
    .hint = 它卡住了、休眠了，或网络断了
error-unscripted = { $place }：第 { $step } 步（共 { $of } 步）：{ $what ->
    [differs] 期望 { $expected }，收到 { $actual }：从第 { $at } 字节起不同
    [timeout] { $after } 内没有等到期望的内容
    [too-early] 来得太早，只过了 { $after }
    [unexpected] 期望连接结束，却收到 { $actual }
    [forbidden] 不该出现的内容：{ $actual }
    [leftover] 对话已经结束，却又收到 { $actual }
    [early-eof] 对端提前结束了发送
    [early-reset] 对端提前重置了连接
    [lost] 连接提前中断（{ $code }）
    [closed] 连接已经关闭
    [not-taken] 对端在 { $after } 内没有读取发给它的数据
    [cannot-build] 无法拼出这条消息
    [bad-endpoint] 这不是有效的端点
    [connect] 连接不上（{ $code }）
    [never-came] { $after } 内没有人连到监听端口
    [listen] 无法监听（{ $code }）
    [secure] 无法建立 TLS（{ $code }）
    [too-much] 捕获的内容超过 16 MiB
    [too-many] 录下的会话都已放完，却又来了一个
   *[abandoned] 会话提前结束了
  }
    .hint = { $what ->
        [differs] 两边都可能是对的：要么改程序，要么改文件
        [timeout] 也许只是慢：在这一步后面写 within 10s 可以多等一会儿
        [too-many] serve … script 会从头再放；replay --loop 也会
       *[other] 文件里逐行写着应该发生什么
      }
error-early-fin = 对端没有回答就关闭了
    .hint = 它可能不接受这条消息，在等分帧或换行，或不想再谈了
error-overflow = 对端不读数据：积压 { $waiting } 字节，上限 { $max } 字节
    .hint = 它的程序卡住了或太慢；--max-waiting 可放宽上限
error-hoards = 所有会话合计占用超过 { $max } 字节，其中这一个最多：{ $size } 字节
    .hint = 它慢慢地发长消息，或者不读数据；--max-memory 可放宽总量，--max-message 和 --max-waiting 限制每个会话
error-internal = 服务自身出了错
    .hint = 这是 sockeye 的缺陷：请报告你做了什么
error-over-limit = { $limit ->
    [descriptors] 文件描述符用完了，无法接受新连接
   *[other] 因上限 { $limit } 被拒之门外
  }
    .hint = { $limit ->
        [descriptors] 请调大 `ulimit -n`，或让 --max-at-once 小于它
       *[other] `sockeye serve --help` 里有设定它的选项
      }

## 帮助：全程序的标题与句子

about = 套接字工作台：与任何套接字对话，在任何套接字上应答，看清其间发生的事
help-usage = 用法
help-verbs = 命令
help-services = 服务
help-words = 参数
help-own = 选项
help-serve = serve 的选项
help-common = 各命令共用的选项
help-examples = 例子
help-more = `sockeye 命令 --help` 有更多说明；`sockeye list` 列出内置的一切
help-first-word = 第一个词带冒号或是 - 时，就是 connect

## 命令

verb-serve = 在套接字上应答
verb-serve-long = 不带参数时：有 sockeye.toml 就按它来，否则在本机回环地址上开一组欢迎服务
verb-connect = 与套接字对话
verb-connect-long = 在终端上，每行是一条消息；来自管道的字节原样通过
verb-ask = 发送消息，打印回答，然后退出
verb-ask-long = 每个 MESSAGE 原样发出；hex:48656c 与 b64:SGVs 表示字节，text:hex:48 则是这几个字符本身。分帧或数据报的回答是一条消息；原始流的回答是直到 FIN 或静默为止的全部内容
verb-proxy = 在两个套接字之间转发
verb-proxy-long = 连到 LISTEN 的每个连接都转给 TARGET，双向进行，半关闭也照样传递
verb-cert = 生成开发用证书，查看任何证书
verb-cert-long = 存在文件里的自建 CA、它为服务端和客户端签发的证书，以及证书里写了什么。只供自己的机器和测试使用：别人不会信任它们
verb-cert-ca = 生成 CA：ca.pem、ca.key
verb-cert-ca-long = 把 ca.pem 交给要信任它的一方；ca.key 自己保管好：拿到它的人能冒充任何服务端。默认有效 825 天
verb-cert-server = 生成服务端证书：server.pem、server.key
verb-cert-server-long = 由目录里的 ca.pem 和 ca.key 签发，也可以另行指定。不写 NAME 时用于 localhost、127.0.0.1 和 ::1。默认有效 397 天，且不超过 CA 的有效期
verb-cert-client = 生成客户端证书：client.pem、client.key
verb-cert-client-long = 由目录里的 ca.pem 和 ca.key 签发，也可以另行指定。服务端用 --client-ca 指定 ca.pem 后，就接受它的持有者。默认有效 397 天，且不超过 CA 的有效期
verb-cert-all = 一次生成 CA、服务端证书和客户端证书
verb-cert-all-long = 六个文件要么全部写出，要么一个不写；服务端的名字与 `cert server` 相同
verb-cert-show = 查看文件里的证书，或服务端出示的证书
verb-cert-show-long = 按原有顺序列出每个证书：名字、剩余天数、用途、密钥、pin、指纹。对密钥只说有没有。这里不做任何验证：只供查看，不能据此信任
verb-sessions = 列出、搜索、导出、删除录下的会话
verb-sessions-long = --record store 存下的一切：每个会话的每个事件、每个字节。时间都是 UTC；编号一经给出，不会再指别的会话
verb-sessions-list = 列出录下的会话，最新的在前
verb-sessions-list-long = 几个条件可以一起用，须同时满足；--text 可以给多次
verb-sessions-show = 看一个会话里发生了什么
verb-sessions-show-long = 先是概况，再按顺序列出事件。长消息只显示开头：--hex 显示全部，export 一个字节不少
verb-sessions-search = 按内容查找会话
verb-sessions-search-long = 每个“文字”都要在会话的某处出现过，英文字母不分大小写；多短的文字都能找到，中文也一样。--bytes 在单条消息里找字节
verb-sessions-export = 把录下的会话写成文件
verb-sessions-export-long = 用编号或范围（3-7）指定会话。不给 -o 就写到标准输出；-o 的扩展名也决定格式，已有的文件会被覆盖
verb-sessions-rm = 删除会话，并释放磁盘空间
verb-sessions-rm-long = 给编号，或给下面的一个选项。删掉的内容会在文件里抹去；正在录制的会话不会删
verb-user = 管理可以登录的用户文件
verb-user-long = 谁可以通过 auth 层进入。文件里只有校验值和摘要，拿到文件也无法登录；文件改动后服务器会重新读取
verb-user-add = 添加用户，或给用户换新的密码或令牌
verb-user-add-long = 密码会询问两次（或从 --password-file、SOCKEYE_PASSWORD 读取）；用 --token 则打印新的令牌，只显示这一次
verb-user-list = 列出文件里有谁
verb-user-list-long = 每个用户的每种凭据一行
verb-user-remove = 删除用户
verb-user-remove-long = 密码和令牌一起删除；已经建立的会话继续
verb-list = 列出内置的东西
verb-list-long = TOPIC 可取 { $topics }
verb-nc = netcat 的字母选项，含义与那里相同
verb-nc-long = 与那里一样，不带 -N 时标准输入结束不发 FIN；用 -l 时监听所有网卡

## 各命令的参数

word-endpoint = 主机:端口、:端口（本机回环）、any:端口（所有网卡）、- 或 URL
word-message = 要发送的内容
word-listen = 要监听的端点
word-target = 要转发到的端点
word-cert-server = 域名、通配符域名（例如 *.app.example）或地址
word-cert-client = 客户端的名字，1 到 64 个字符
word-cert-place = PEM 或 DER 文件，- 表示标准输入，也可以是 主机:端口 或带 TLS 的 URL
word-session = 会话编号
word-sessions = 会话编号或范围：12、3-7
word-recordings = 会话编号或范围（12、3-7），或一个抓包文件（pcap、pcapng）
word-said = 说过的内容
word-user = 用户名
word-topic = 要列出什么
word-service = 用什么来应答
word-args = 服务的参数
word-command = 程序及其参数
word-host = 域名或地址；用 -U 时是路径；用 -l 时端口可以写在这里
word-port = 端口；用 -z 时可以是范围，例如 20-25

## 各命令共用的选项

flag-frame = 怎样把流切成消息：{ $names }
flag-enc = 线路上的文字编码：utf-8、gbk、big5 等
flag-hex = 输入十六进制，显示十六进制转储
flag-raw = 在终端上不转义对端发来的内容
flag-json = 标准输出改为事件，每行一个 JSON 对象
flag-verbose = 说得更多：-v 事件，-vv 消息，-vvv 十六进制转储
flag-color = 颜色：auto、always 或 never
flag-lang = 语言：en 或 zh-CN
flag-timeout = 连接的时限；对 ask 则是全程的时限：500ms、2s
flag-idle = 会话这么久没有数据就结束
flag-bind = 从哪个地址连出
flag-mcast = 要加入的组播组，或从哪个网卡发出
flag-ttl = 数据报最多经过多少跳
flag-nodelay = 小块数据立即发出：true（默认）或 false
flag-keepalive = 静默的 TCP 对端消失后，最迟多久发现：30s；0 表示不探测
flag-max-message = 一条消息最长多少，例如 64k 或 1m
flag-record = 录制会话，可给多次：store（见 `sockeye sessions`）、文件.skt（会话脚本，可作测试和模拟）、文件.pcapng（给 Wireshark）或 文件.jsonl（事件）；已有的文件会被覆盖
flag-store = 会话库文件（默认：$SOCKEYE_STORE，或 $XDG_DATA_HOME 下的 sockeye/sessions.db）
flag-durable = 会话库每批都等磁盘写完，这样断电也不会丢已报“已存”的会话
flag-record-lossy = 来得太快写不及时，宁可漏录并计数，也不让会话变慢
flag-keep-age = 录制前，从会话库删去结束已超过这么久的会话：12h、30d
flag-keep-size = 录制前，从会话库删去最旧的会话，直到总共不超过这么大：500m、2g
flag-wanted-peer = 只要任一端地址里含有它的会话
flag-export-peer = 只要任一端地址含有这段文字的会话；用来从抓包文件里挑出一条
flag-wanted-service = 只要这个服务的、或由这个命令录下的会话
flag-wanted-since = 只要此后开始的会话：2h（两小时前）、30d、2026-11-21、2026-11-21T15:04
flag-wanted-until = 只要此前开始的会话
flag-wanted-text = 只要说过这些文字的会话
flag-wanted-bytes = 只要有消息含这些字节的会话，写成十六进制
flag-wanted-limit = 最多显示最新的这么多个（默认 50）
flag-export-as = 格式：skt、pcapng、json、hex，或 command（可粘贴到 shell、再说一遍的命令）
flag-export-output = 写到这个文件
flag-remove-older = 删除结束已超过这么久的会话：12h、30d
flag-remove-larger = 从最旧的删起，直到剩下的不超过这么大：500m、2g
flag-remove-all = 删除全部会话
flag-seed = 随机数的种子，用来重复同一次运行
flag-generate = 打印 complete-SHELL（bash、elvish、fish、powershell、zsh）或 man，然后退出
flag-help = 显示本帮助
flag-version = 显示版本

## 层

layer-ws = WebSocket：完整的消息，网页也能用（RFC 6455）
layer-proxy1 = PROXY 协议第 1 版：中继用一行文字说明连接来自谁
layer-proxy2 = PROXY 协议第 2 版：同样的内容，二进制格式
layer-auth = 谁可以进入：密码（SCRAM）或令牌

## 各层的选项

help-layers = TLS、WebSocket、身份
flag-ca = 信任哪些证书颁发机构（PEM）；不给则用系统的
flag-cert = 自己的证书及证书链（PEM）
flag-key = 证书的私钥（PEM）
flag-client-ca = serve：要求客户端出示由这些机构签发的证书（PEM）
flag-sni = 要请求并核对的服务器名，不同于主机名时用
flag-alpn = 提供或接受的应用层协议，最优先的在前
flag-pin = 服务器必须持有的公钥，代替证书链和名称的核对
flag-insecure = 接受任何证书：中间的任何人都能偷看和篡改
flag-self-signed = serve：为这次运行生成证书，并打印其指纹
flag-keylog = 把 TLS 密钥追加到 FILE，供 Wireshark 使用（或用 SSLKEYLOGFILE）
flag-path = WebSocket 的路径
flag-header = WebSocket 升级请求的首部字段；可以给多次
flag-subprotocol = 提供或接受的 WebSocket 子协议，最优先的在前
flag-origin = 要发送的 Origin，或接受哪些 Origin；* 表示全部接受
flag-via = 经由代理：socks5://[USER@]HOST:PORT 或 http://[USER@]HOST:PORT
flag-user-file = 用户文件；不给则为 users.txt
flag-user-token = 不用密码，生成新的令牌并打印出来
flag-user-password-file = 从 FILE 读取密码，不再询问
flag-user-iterations = 密码散列多少次，4096 到 10000000
flag-user = 登录用的名字；密码会另外询问
flag-password-file = 从 FILE 读取密码（或用 SOCKEYE_PASSWORD）
flag-token-file = 用 FILE 里的令牌登录（或用 SOCKEYE_TOKEN）
flag-users = serve：允许谁进入的名单文件（sockeye user add）

## serve 与 proxy 的选项

flag-once = 一次会话后结束
flag-max-sessions = 这么多次会话后结束
flag-allow = 允许哪些网段进入，如 10.0.0.0/8,::1；不给就全部允许
flag-deny = 不许哪些网段进入，优先于 --allow
flag-max-at-once = 同时的会话总数
flag-max-per-address = 同一地址（IPv6 为同一 /64）同时的会话数
flag-rate-per-address = 同一地址（IPv6 为同一 /64）每秒的新连接数
flag-max-pending = 同时握手的连接数：到前一个 N 起按 % 拒绝，到后一个 N 全部拒绝；512:30:2048
flag-tls-timeout = TLS 握手最长多久；10s
flag-header-timeout = WebSocket 升级或 PROXY 头最长多久；5s
flag-auth-timeout = 登录最长多久；10s
flag-frame-timeout = 开了头的帧要在多久内收完；不给就不限
flag-max-session-time = 会话最长多久，到时无论如何都结束
flag-max-rate = 每秒最多从一个对端读多少字节
flag-max-waiting = 一个慢的对端最多积压多少字节
flag-max-memory = 所有会话合计最多占用多少字节：积压的，和没收完的消息；256m
flag-drain = 收到中断后，会话还可以进行多久
flag-metrics = 在此应答 GET /metrics，供 Prometheus 抓取
flag-threads = 用 N 个线程共用端口应答 TCP 对端；默认 1，一个核跑满时才值得再加
flag-spin = 不睡眠、不停地查有没有事做：应答更快，但每个线程空闲时也占满一个核
flag-fault = 有意对流量制造这种故障（见 `sockeye list faults`）；可以写多次
flag-allow-exec = 允许 sockeye.toml 运行程序

## connect 与 ask 的选项

flag-on-connect = 先走完这个会话文件，再发送键入的内容；在终端上，断线重连后会再走一遍
flag-login-var = 给该文件中的变量赋值
flag-reconnect = 连接断开后重新连接：起初等 0.5 秒，之后最长等 30 秒
flag-eol = 输入的行以什么结尾：lf、crlf、cr、nul 或 none
flag-number = 分帧时，一个回答由几条消息组成
flag-quiet = 静默多久算原始回答结束

## cert 的选项

flag-cert-dir = 文件所在的目录，没有就新建；不给则用当前目录
flag-cert-days = 有效天数，1 到 3650；用于 `cert all` 时对每个证书都有效
flag-cert-force = 覆盖已有的文件
flag-cert-name = CA 的名称；不给则写明由谁、在哪台机器、哪天生成
flag-cert-ca = 用来签发的 CA 证书；要与 --ca-key 一起给
flag-cert-ca-key = 该 CA 的私钥

## 证书里写了什么

cert-nameless = （没有名称）
cert-names = 名字
cert-common-name = { $name }（只有通用名 CN）
cert-more = 另有 { $count } 个
cert-issuer = 签发者
cert-itself = 自己
cert-numbered = { $name }（这里的第 { $number } 个）
cert-valid = 有效期
cert-left = { $from } 至 { $to }（还剩 { $days } 天）
cert-expired = { $from } 至 { $to }（已过期 { $days } 天）
cert-early = { $from } 至 { $to }（尚未生效）
cert-use = 用途
cert-signs = 签发证书
cert-signs-path = 签发证书（其下最多还可有 { $path } 级 CA）
cert-use-server = 服务端
cert-use-client = 客户端
cert-use-any = 任何用途
cert-use-unsaid = 任何用途（证书未作限定）
cert-key = 密钥
cert-key-usages = 密钥用法
cert-signature = 签名
cert-serial = 序列号
cert-pin = 公钥 pin
cert-fingerprint = SHA-256 指纹
cert-private-key = 私钥（{ $label }，第 { $line } 行），不显示
cert-locked-key = 有密码保护的私钥（{ $label }，第 { $line } 行）
cert-section = { $label }（第 { $line } 行）

note-reconnecting = 连接已断开，{ $after } 后重试
note-reconnected = 已重新连接到 { $remote }
note-gone-through = { $path } 已走完
note-cert-wrote = 已写入 { $path }
note-cert-wrote-key = 已写入 { $path }（私钥，只有你能读）
note-cert-long = 有效期超过 { $days } 天（提前的一天也算在内）的服务端证书，苹果的系统不接受
note-user-added = { $name } 可以进入了（{ $path }）
note-user-changed = { $name } 有了新密码（{ $path }）
note-user-token = { $name } 有了新令牌（{ $path }）；只显示这一次
note-user-removed = { $name } 已删除（{ $path }）
user-password = 密码（只存散列）
user-tokens = 令牌（只存摘要）
ask-again = 请再输入一次 { $name } 的密码：
note-cert-next = 接下来：{ $command }
note-cert-order = { $path }：证书的顺序不对：先是服务端自己的，接着是签发它的，依此类推

## nc 的字母

nc-listen = 监听
nc-udp = 用数据报而不用流
nc-keep = 与 -l 同用，一个接一个地接待来者
nc-finish = 标准输入结束时发 FIN
nc-quit = 标准输入结束后过这么多秒退出
nc-wait = 这么多秒没连上或没有数据就放弃
nc-zero = 只看端口是否应答
nc-numeric = 只用地址，不查域名
nc-local-port = 从哪个端口连出
nc-source = 从哪个地址连出
nc-four = 只用 IPv4
nc-six = 只用 IPv6
nc-unix = Unix 套接字

## 内置的东西

topic-transports = 承载字节或数据报的传输方式
topic-layers = 包在流外面的各层：加密、身份等
topic-framings = 把流切成消息的方式
topic-services = serve 用来应答的服务
topic-faults = --fault 能对流量做的事
topic-charsets = 线路上的文字编码
topic-verbs = sockeye 会做的事
topic-codes = 各种错误的名字与退出码

transport-tcp = 流，走 IPv4 或 IPv6
transport-udp = 数据报，走 IPv4 或 IPv6，也可组播与广播
transport-unix = 本机的流，以文件为名
transport-unixgram = 本机的数据报，以文件为名
transport-stdio = 本程序的标准输入与标准输出，写作 -

layer-tls = 加密，并证明服务端是谁（需要时也证明客户端）

framing-raw = 不分帧：一次读到什么就是一条消息（会有粘包）
framing-dgram = 每个数据报是一条消息
framing-line = 消息以 LF 结尾
framing-crlf = 消息以 CR LF 结尾
framing-nul = 消息以零字节结尾
framing-delim = 消息以这些字节结尾
framing-fixed = 每条消息都有这么多字节
framing-wrap = 消息夹在两个标记之间
framing-cobs = COBS 字节填充，以零字节结尾
framing-slip = SLIP，见 RFC 1055
framing-length = 先是长度，再是消息；off、adj、magic、tail、max 调整帧的样子

service-ack = 回答第一条消息，然后关闭
service-ack-keep = 每条消息都回答
service-receive = 把收到的写到标准输出，从不回答
service-upper = 把 ASCII 字母变成大写后送回
service-upper-unicode = 把各种文字的字母都变成大写
service-echo = 收到什么就送回什么（RFC 862）
service-discard = 来者不拒，从不回答（RFC 863）
service-chargen = 不停地发送字符（RFC 864）
service-daytime = 用文字报时（RFC 867）
service-time = 用四个字节报时（RFC 868）
service-script = 按会话文件回答：用录制的会话顶替服务端
service-script-var = 给文件中的变量赋值
service-script-pace = fast（尽快）、recorded（按录制时的节奏），或其倍速：2x、0.5x
service-chat-on-connect = 对端先走完这个会话文件，才能聊天
service-chat-var = 给该文件中的变量赋值
service-reply = 按模式回答，先匹配的先用
service-reply-on = 模式=回答；模式可以是文字、/正则表达式/ 或 hex:
service-reply-default = 都不匹配时的回答
service-chat = 由你在终端或从管道回答
service-chat-turns = 严格一人一句；没轮到时输入的行先留着
service-chat-first = 谁说第一句
service-chat-one-at-a-time = 后来的排队等候
service-chat-bye = 任何一方说出这个词，会话就结束
service-chat-template = 用 typed、message、peer 拼出要发的内容（Jinja）
service-exec = 为每次会话运行一个程序，它的标准输入输出接到套接字上
service-forward = 把一切转给另一个端点

## 给人看的事件

event-connecting = 正在尝试 { $remote }
event-resolved = { $name } 的地址是 { $addresses }
event-accepted = { $remote } 连到 { $local }
ask-password = { $name } 的密码：
event-connected = 已从 { $local } 连到 { $remote }
event-tls = { $version }，{ $suite }{ $group ->
    [none] {""}
   *[other] ，{ $group }
  }{ $alpn ->
    [none] {""}
   *[other] ，ALPN { $alpn }
  }{ $name ->
    [none] {""}
   *[other] ，名字 { $name }
  }{ $trust ->
    [chain] ，证书已核对
    [pin] ，公钥与 pin 相符
    [absent] ，对端没有出示证书
   *[none] ，证书未核对
  }{ $resumed ->
    [yes] ，沿用先前的会话
   *[no] {""}
  }
event-tls-certificate = 证书 { $number }：{ $subject }；适用于 { $names }；由 { $issuer } 签发；{ $until } 到期（还有 { $days } 天）；{ $pin }
event-tls-truncated = 对端没有用 close_notify 结束 TLS：数据可能被截断了
event-upgraded = { $to } 已建立：{ $facts }
event-authenticated = { $user } 的身份已由 { $mechanism } 证实
event-logged-in = 已通过 { $mechanism } 登录
event-half-closed-in = 对端不再发送
event-half-closed-out = 本端不再发送
event-said-close-in = 对端说 Close { $code }（{ $name }）：{ $reason }
event-said-close-out = 我们说了 Close { $code }（{ $name }）
event-fault-in = 对端发来的数据上的故障 { $name }：{ $detail }
event-fault-out = 本端发出的数据上的故障 { $name }：{ $detail }
event-reset-in = 对端切断了连接
event-reset-out = 本端切断了连接
event-timeout = 时间到：{ $what }
event-refused = 拒绝了 { $remote }：{ $reason }
event-saved = 已存为 { $id }
event-closed = 已关闭：收 { $messages_in } 条（{ $bytes_in } 字节），发 { $messages_out } 条（{ $bytes_out } 字节）

## 有意制造的故障

fault-latency = 一切都晚到这么久，上下浮动不超过抖动值；没有另外说明时两个方向都有
fault-bandwidth = 每秒只通过这么多字节，超出的排队等候
fault-loss = 数据报会丢失；在流上则是延迟（200 毫秒，再丢则每次加倍），就像 TCP 重传那样
fault-dup = 一个数据报到达两次
fault-reorder = 一个数据报被后一个赶超
fault-corrupt = 有一位翻转：流上按字节计，消息和数据报按个数计
fault-slicer = 流被切成每段 SIZE 字节（上下浮动不超过抖动值），段与段之间隔 DELAY
fault-slow-close = 一个方向的结束（FIN、Close）晚到
fault-timeout = 什么都不通过，连结束也不通过；过了 TIME 连接被关闭，不写或写 0 则一直不关
fault-limit = 一个方向通过这么多字节后，连接被关闭
fault-reset = 用 RST 切断连接：立即，或过了 TIME 之后
fault-key-dir = 只对一个方向：up 从对端来，down 往对端去
fault-key-p = 一个连接有这种故障的概率
fault-key-on = 从匹配处开始：消息和数据报从匹配的那一个起，流从匹配的末尾起
fault-key-after = 这个方向通过这么多字节之后才开始

## 通知

note-config-found = 按 { $path } 提供服务
note-answers = { $url } 由 { $service } 应答
note-welcome = 欢迎服务：全在本机回环地址上；按中断键结束
note-not-in-charset = 未发送：字符集 { $charset } 里没有字符 { $character }
note-bad-hex = 未发送：{ $value } 不是十六进制
note-nc-open = 连接 { $host } 端口 { $port }（{ $transport }）成功
note-nc-shut = 连接 { $host } 端口 { $port }（{ $transport }）失败：{ $why }
note-datagram-too-long = 未发送：{ $size } 字节的数据报太长，最多 { $max } 字节
note-tls-self-signed = 已为这次运行生成证书；连接它：sockeye connect { $url } --pin { $pin }
note-ws-closed = 对端以 { $code }（{ $name }）关闭：{ $reason }
note-tls-insecure = 警告：不核对 { $endpoint } 的身份（--insecure）：夹在中间的任何人都能偷看和篡改一切；改用 --pin 或 --ca 可以避免
note-tls-expired = 警告：{ $path } 里的证书已于 { $when } 过期（{ $days } 天前）：对端会拒绝它
note-tls-not-yet-valid = 警告：{ $path } 里的证书要到 { $when } 才生效：在那之前对端会拒绝它
note-faults = 有意制造的故障：{ $faults }（种子 { $seed }；用 --seed { $seed } 可以重现）
note-loss-delays = 流上的 loss 是延迟：什么都不会丢，只是晚到 200 毫秒，再丢就是 400 毫秒，依此类推（真正的丢失请用 udp）
note-events-lost = 有 { $count } 个事件来不及录制，已略去
note-more-flaws = 抓包文件里还有 { $count } 处缺陷
note-sessions-none = 没有会话
note-sessions-more = 这是最新的 { $count } 个；用 --limit N 看更多
note-sessions-removed = 删除了 { $count } 个会话
note-sessions-recording = 其中 { $count } 个正在录制，未删
sessions-id = 编号
sessions-began = 开始
sessions-took = 用时
sessions-service = 服务
sessions-endpoint = 端点
sessions-target = 转发到
sessions-peer = 对端
sessions-user = 用户
sessions-in = 收
sessions-out = 发
sessions-outcome = 结果
sessions-said = 内容
sessions-lost = 略去的事件
sessions-open = 未结束
sessions-done = 正常
sessions-cut = 中断
sessions-fact = { $name }：{ $value }
note-draining = 正在停止：{ $sessions } 个会话还可以进行 { $limit }；再按一次中断键立即结束
note-one-thread = { $url } 上的 { $service } 只用一个线程：--threads 只对 TCP 有效，且不用于要读操作者输入的服务
note-refused = 拒绝了 { $count } 个连接（{ $reasons }），最近一个来自 { $remote }
note-refused-in-all = 一共拒绝了 { $count } 个连接（{ $reasons }）
note-left-out = 错误来得太快，这里略去 { $count } 个（{ $codes }）
note-metrics = 指标见 { $url }
note-chat-came = { $number } 号（{ $peer }）来了
note-chat-waits = { $number } 号（{ $peer }）在排队；排队人数：{ $count }
note-chat-next = 轮到 { $number } 号（{ $peer }）了；排队人数：{ $count }
note-chat-went = { $number } 号（{ $peer }）走了
note-chat-waiter-went = { $number } 号（{ $peer }）离开了队伍；排队人数：{ $count }
note-chat-speaker = { $number } 号（{ $peer }）说：
note-chat-held = 先留着，能说的时候再发出
note-chat-full = 没有收下：已有 { $count } 行在等着
note-chat-unsent = { $number } 号已经走了，有 { $count } 行没能发给它
note-chat-empty = 未发送：没有分帧的字节流发不出空行
note-chat-nobody = 这里没有 { $number } 号；用 /who 看看谁在
note-chat-not-yet = { $number } 号还在排队
note-chat-who-talks = { $number } 号（{ $peer }）正在对话
note-chat-who-waits = { $number } 号（{ $peer }）在排队
note-chat-who-nobody = 现在没有人
note-chat-unknown-command = 没有这个命令：{ $line }；有 /to 编号 内容 和 /who，行首的 // 发出一个斜杠
note-chat-template-failed = 未发送：模板处理这一行时出错（{ $detail }）
note-chat-template-too-long = 未发送：模板生成了 { $size } 字节，最多 { $max } 字节

## `test`：一次运行的结果

word-test-file = 会话文件（.skt）、抓包文件（pcap、pcapng），或存放会话文件的目录
flag-var = 给文件中的变量赋值；值可以是文本、hex:… 或 b64:…；优先于文件里写的
flag-report = 除 stderr 上的文本外再写一份报告；tap 和 json 写到 stdout，后接 =FILE 时写到文件
flag-jobs = 同时运行的文件数（默认：处理器数的两倍，至少 4）
flag-retry = 失败的文件最多再运行 N 次（默认 0）
flag-fail-fast = 有文件失败后不再开始新的文件
flag-artifacts = 把失败文件的事件（.jsonl）和数据包（.pcapng）写到这个目录
flag-fmt = 不运行，只把文件改写成规范格式
flag-check = 与 --fmt 同用：不改文件，有不规范的文件时以 1 退出
verb-test = 运行会话文件
verb-test-long =
  扮演每个 .skt 文件里的所有参与者，逐字节比较每条消息。文件并行运行。退出码 0：全部通过；1：有失败或未运行的；
  3：有文件无法读取。语法见 docs/skt.zh-CN.md
test-mark-passed = 通过
test-mark-failed = 失败
test-mark-bad = 有误
test-mark-skipped = 未运行
test-mark-flaky = 不稳定
test-passed = { $file }  （{ $steps } 步，{ $elapsed }）
test-attempts = {" "}（第 { $attempts } 次）
test-summary = 文件：{ $files }，通过：{ $passed }，失败：{ $failed }，用时 { $elapsed }
test-earlier = 第 { $attempt } 次失败：{ $spot }：{ $why }
test-bad-file = 文件无法运行
test-summary-flaky = ，其中不稳定：{ $count }
test-summary-bad = ，无法读取：{ $count }
test-summary-skipped = ，未运行：{ $count }
test-summary-stopped = （被中断）
test-rerun = 重新运行：{ $command }
test-kept = 已保存：{ $paths }
note-formatted = { $path } 已改写为规范格式
note-unformatted = { $path } 不是规范格式
failure-when = （第 { $step } 步，共 { $of } 步，用了 { $elapsed }，时限 { $patience }，{ $state }）
failure-when-patient = （第 { $step } 步，共 { $of } 步，用了 { $elapsed }，{ $state }）
failure-state-never = 从未连接
failure-state-opening = 正在连接
failure-state-open = 连接正常
failure-state-eof = 对端已发 FIN
failure-state-reset = 对端已发 RST
failure-state-lost = 连接已断
failure-state-closed = 已由本端关闭
failure-expected = 期望
failure-actual = 实际
failure-differs = 消息从第 { $at } 字节起不同（从 0 数起）
failure-differs-short = 消息在第 { $at } 字节处结束，后面还应有内容（从 0 数起）
failure-differs-long = 消息本应在第 { $at } 字节处结束，后面却还有内容（从 0 数起）
failure-differs-part = 消息与 { $part } 不匹配
failure-timeout = 时限内没有收到
failure-too-early = 来得太早
failure-unexpected = 本应是连接结束，却收到一条消息
failure-forbidden = 收到了不该出现的消息
failure-leftover = 收到一条没有任何步骤期望的消息
failure-early-eof = 对端已结束发送（FIN）
failure-early-reset = 对端已重置连接（RST）
failure-lost = 连接断开
failure-closed = 连接此前已关闭，没有重新打开
failure-not-taken = 对端没有收下发给它的数据
failure-cannot-build = 无法生成要发送的消息
failure-bad-endpoint = 端点写法有误
failure-connect = 无法建立连接
failure-never-came = 没有人来连接
failure-listen = 无法开始监听
failure-secure = 无法在连接上启用 TLS
failure-too-much = 捕获的内容超过可保存的上限
failure-too-many = 会话比录制的多
failure-abandoned = 被外部中止
failure-flipped = 以另一端的身份运行：这里期望收到 `>` 的内容，发送 `<` 的内容
failure-partial = 一帧尚未收完（{ $framing }）：共 { $want } 字节，已收 { $have } 字节：{ $bytes }
failure-partial-open = 一帧尚未收完（{ $framing }）：已收 { $have } 字节：{ $bytes }
failure-unread = 还没有步骤看过：{ $messages } 条消息，{ $bytes } 字节：{ $first }
failure-unread-bytes = 还没有步骤看过：{ $bytes } 字节：{ $first }
failure-recent = 最近的消息：
failure-connection = { $peer } { $local } ↔ { $remote }
failure-seed = 随机种子 { $seed }
fate-sent = 已发送
fate-waiting = 未看过
fate-matched = 匹配
fate-skipped = 跳过
fate-ignored = 忽略
fate-wrong = 不符
html-language = zh-CN
html-title = sockeye 测试报告
html-filter = 筛选
html-all = 全部
html-here = 本端
html-there = 对端
html-expected-next = 接下来期望
html-nothing = 没有符合筛选条件的文件

## 会话文件哪里写错了

error-bad-script = { $path }:{ $line }:{ $value }：{ $what ->
    [events] 这是一行一个 JSON 的事件，不是会话：请给出 .skt、.pcapng，或会话的编号
    [refused] 这里无法播放
   *[mistakes] 文件有 { $name } 处错误
  }
    .hint = docs/skt.zh-CN.md 有每种步骤的例子；`sockeye test FILE` 会标出位置
error-no-tests = { $path } 中没有会话文件
    .hint = 会话文件以 .skt 结尾；请给出文件，或存放它们的目录
mistake-near = 是不是想写 { $near }？
mistake-or = {" "}或{" "}
mistake-no-peer = 在它的第一步之前写明连接到哪里：`peer { $word } connect tcp://127.0.0.1:9000`
mistake-unset = 用 --var { $word }=VALUE 或 @var 赋值，或在前面的步骤中捕获它
mistake-ends = 行到此结束，后面应有{ $wanted }
mistake-expected = 这里应是{ $wanted }，而不是 { $found }
mistake-unknown = 未知的{ $noun }：{ $word }
mistake-duplicate = { $noun }重复，第 { $line } 行已有：{ $word }
mistake-reserved = { $word } 另有含义，不能用作名称
mistake-range = { $value } 超出 { $kind } 的范围
mistake-regex = 正则表达式有误：{ $word }
mistake-unclosed = { $noun }没有结束
mistake-escape = 没有转义 { $word }
    .hint = 引号内可用：\n \r \t \0 \\ \" \xHH \u{"{"}H…{"}"} \{"{"}
mistake-digits = 这不是合法的{ $noun }
mistake-open = { $word } 可以代表多种内容，不能用来发送
    .hint = 模式应写在 < 之后；用 like 写明要发送的内容
mistake-misplaced = { $word } 不能写在这里
mistake-nameless = 有多个端参与：这一步是谁的？
    .hint = 在步骤前写上端的名称
mistake-unpaired = { $word ->
    [repeat] 这个 repeat 没有 end
   *[other] 这个 end 没有 repeat
  }
mistake-circular = 校验和不能包含它自己
mistake-limit = 超过上限：{ $noun }最多 { $most }
mistake-load = 无法读取 { $path }：{ $word }
mistake-cycle = { $word } 包含了它自己
mistake-utf8 = 这里不是 UTF-8
    .hint = 请把文件存为 UTF-8；线上的编码用 @enc 指定，任意字节写成 hex:…
spot-included = 由 { $path } 第 { $line } 行引入
noun-step = 步骤
noun-peer = 端
noun-name = 名称
noun-setting = 设置
noun-modifier = 修饰
noun-data = 消息
noun-match = 模式
noun-type = 类型
noun-variable = 变量
noun-group = 分组
noun-text = 带引号的文本
noun-word = 词
noun-number = 数字
noun-duration = 时长
noun-endpoint = 端点
noun-path = 带引号的路径
noun-file = 文件
noun-hex = 十六进制
noun-base64 = base64
noun-regex = 正则表达式
noun-flag = 标志
noun-json = JSON
noun-parameter = 参数
noun-depth = 嵌套
noun-end = 行尾
refusal-open = 这里要发送的内容写成了模式：{ $part }
    .hint = 加上要发送的内容：like "…"
refusal-reopens = 连接关闭后又重新打开，而这里只有一个会话
    .hint = 请用 `sockeye test` 运行这样的文件
refusal-secures = 中途启用了 TLS，而模拟端没有证书
    .hint = 请用 `sockeye test` 运行这样的文件
refusal-several = 还有第二个端，而负载中每个连接都执行同一个端的步骤
    .hint = 只写一个端的会话；有多少连接执行它由 -c 决定
refusal-listens = 这个端是监听的，而负载中由我们发起连接
    .hint = 请写成客户端：peer c connect ENDPOINT
refusal-upgrades = 中途启用了 TLS，而负载中的连接从头到尾不变
    .hint = 请从一开始就用 TLS 连接：tls://…
refusal-no-peer = 没有这样的端
    .hint = 用 peer NAME connect ENDPOINT 声明一个
refusal-empty = 文件中没有步骤：什么都不做总是会通过
    .hint = 至少写一步，例如 c > "hello"

## `replay`

word-recording = 会话文件、抓包文件（pcap、pcapng），或会话库里会话的编号
word-replay-endpoint = 连接或监听的位置，代替录制时的
flag-as = 扮演哪一端：client 或 server
flag-pace = 速度：fast（收到回答就继续）、recorded（按录制时的节奏），或 2x、0.5x
flag-replay-session = 只用录制中的这一个会话，从 1 数起；可重复
flag-loop = 作为 server：所有会话播放完后从头再来，而不是结束
verb-replay = 回放录制中的一端
verb-replay-long =
  作为 client 时，对着服务端回放录制的内容，并比较每条消息；作为 server 时，像录制的服务端那样回答，直到所有会话播放完。
  录制中没有的内容会立即报告，退出码为 1

## bench

verb-bench = 给端点加负载，报告它承受得如何
verb-bench-long =
  在许多连接上发送消息，逐个核对回答，并报告速率、延迟和错误。
  不用 --rate 时，每个连接收到回答就立即再发。用 --rate 时，无论收到什么都按时发送，延迟从本该发送的时刻算起，
  服务器的停顿因此会完整地显示出来。
word-bench-endpoint = 目标；用 --merge 时是第一个结果文件
word-bench-message = 消息，写法同 ask；其中的 {"{"}seq{"}"} 会换成序号（默认：64 字节自造内容，带序号）
flag-connections = 连接数（默认 1，最多 100000）
flag-pipeline = 每个连接上同时在途的消息数（默认 1，最多 65536）
flag-rate = 每秒消息总数，如 500、10k、1.5m；@p99=20ms 搜索能守住该承诺的最高速率
flag-bench-mode = 连接的用途：exchange（每个连接许多消息）、connect（每个连接一条消息）、idle（保持连接，偶尔问一下）、one-way（只发数据报，不等回答）
flag-bench-size = 自造消息的字节数：一个大小或一个范围（默认 64）
flag-bench-file = 以这个文件的内容为消息
flag-bench-script = 每个连接反复执行这个会话文件里的步骤，一轮算一条消息；会结束连接的一轮各用一个连接
flag-bench-var = --script 各步骤用的变量；可重复。{"{{"}seq{"}}"}（轮次编号）和 {"{{"}connection{"}}"}（连接编号）自动给出
flag-bench-expect = 每个回答必须是什么（默认：从最初的回答得知）
flag-no-verify = 只计数，不核对回答
flag-duration = 测量多久（默认 10s；搜索时每个速率 3s；最长 24h）
flag-warmup = 测量前先运行多久，不计入结果（默认 1s；用 --requests 时没有）
flag-requests = 发完这么多消息就结束
flag-bench-threads = 负载发生器的线程数（默认 1）
flag-fail-if = 满足此条件则退出码为 1：p99>20ms、p99.9>1s、max>2s、mean>5ms、errors>0、errors>1%、rate<10k；可重复
flag-bench-reset = 用 RST 关闭连接，使 --mode connect 不会用尽端口
flag-bench-csv = 每秒写一行到这个文件
flag-bench-hdr = 把 HdrHistogram 日志写到这个文件
flag-bench-html = 把带图的网页写到这个文件
flag-bench-merge = 合并 --json 写出的结果，它们来自同时运行的几台机器

bench-title = 负载测试 { $endpoint }：{ $mode ->
    [connect] 每条 { $size } 的消息一个连接，同时 { $connections } 个
    [idle] { $connections } 个空闲连接，每条消息 { $size }
    [one-way] { $connections } 个套接字单向发送，每条消息 { $size }
   *[exchange] { $connections } × { $pipeline } 条消息，每条 { $size }
  }，{ $pace }，{ $elapsed }
bench-title-steps = 负载测试 { $endpoint }：{ $mode ->
    [connect] 每轮 { $steps } 一个连接，同时 { $connections } 个
    [idle] { $connections } 个空闲连接，偶尔执行一轮 { $steps }
   *[exchange] { $connections } 个连接执行 { $steps }
  }，{ $pace }，{ $elapsed }
bench-closed = 收到回答就再发
bench-full-speed = 能发多快就发多快
bench-at-rate = 要求 { $rate }
bench-latency = 延迟
bench-service = 从实际发送起
bench-connecting = 建立连接
bench-mean = 平均
bench-requests = 已回答
bench-rounds = 轮次
bench-messages = 消息数
bench-messages-both = 发送 { $sent }，接收 { $received }
bench-sent = 发送
bench-received = 接收
bench-errors = 错误
bench-none = 无
bench-first = 首例
bench-firsts = 最早出现的错误
bench-first-head = { $class }：{ $unit ->
    [none] 连接 { $connection }
    [round] 连接 { $connection } 的第 { $message } 轮
   *[message] 连接 { $connection } 的第 { $message } 条消息
  }，{ $after } 时
bench-first-and = { $one }；{ $two }
bench-first-differs = 第 { $at } 字节不同
bench-expected = 应为
bench-got = 收到
bench-got-nothing = 什么也没有
bench-answers = 回答
bench-verified-echo = 逐字节核对：每个回答就是消息本身
bench-verified-first = 逐字节核对：每个回答都与第一个相同
bench-verified-given = 与 --expect 逐字节核对
bench-verified-steps = 按步骤所写核对
bench-verified-none = 只计数，未核对
bench-hint = 提示
bench-hint-closes = 服务器回答后就关闭连接：用 --mode connect，每条消息一个连接
bench-hint-varies = 回答并不总是一样：用 --expect 写明应是什么，用 --script 写明哪里可以不同，或用 --no-verify 只计数
bench-unanswered = 不等回答。发出不等于到达：到了多少，只有接收方知道
bench-unsent = 未发送
bench-unsent-why = 有 { $count } 条消息到时没有可用的连接：没有达到要求的速率
bench-generator = 发生器
bench-cpu-one = 1 个线程占用处理器 { $shares }
bench-cpu-many = { $threads } 个线程分别占用处理器 { $shares }
bench-client-bound = —— 受限于客户端：这些数字反映的是发生器。增加 --threads 或机器，才能看出服务器的极限
bench-machines = 机器数
bench-memory = 内存
bench-memory-held = { $connections } 个连接在本机占 { $held }，每个 { $each }
bench-ended = 结束
bench-cut-short = 提前结束；以上是到那时为止的测量
bench-search = 搜索
bench-best = 能守住 { $promise } 的最高速率是 { $rate }
bench-no-best = 没有速率能守住 { $promise }
bench-failed = 未通过  { $condition }：实际是 { $actual }
bench-passed = 通过    { $condition }：实际是 { $actual }
bench-asking = 等待第一个回答
bench-opening = 正在建立连接
bench-warming = 正在预热
bench-waiting = 正在等最后的回答
bench-trying = 正在尝试 { $rate }
bench-live-errors = { $count } 个错误
bench-step-held = { $asked }：守住，{ $actual }，已回答 { $rate }
bench-step-broken = { $asked }：未守住，{ $actual }，已回答 { $rate }
bench-step-client = { $asked }：未守住，{ $actual }，已回答 { $rate }；发生器已到自身极限
bench-histogram = 各延迟出现的频度
bench-over-time = 每秒回答数
bench-sent-over-time = 每秒发出的消息数
bench-latency-over-time = 延迟随时间的变化
bench-numbers = 数字
bench-second = 每个点是一秒
error-wrong-answer = 回答与应有的不符
    .hint = 用 sockeye ask 看服务器回答什么；--expect 指定应有的回答，--no-verify 不作核对
error-descriptors = 需要 { $wanted } 个文件和套接字，而本进程最多能打开 { $max } 个
    .hint = 减少连接数，或放宽限制：ulimit -Hn，或服务的 LimitNOFILE=

## check

verb-check = 说明为什么连不上
verb-check-long =
  一层一层地看：域名、源地址、路由、邻居、ping、路由器、端口、包的大小、TLS，以及对方说什么。
  最后用一句话作结：怎么了、在哪一层、是谁的问题、凭什么知道、接下来试什么。不需要特权。
  路由器是靠连接找到的，所以目标会看到不止一个连接。-t 是全部时间（10s）。
word-check-target = 端点、http://… 或 https://…、主机，或主机:端口
flag-check-watch = 反复检查，说出变化；收到信号时结束
flag-check-every = 两次检查之间的时间（默认 5s，至少 500ms）；等于同时给出 --watch
check-step-name = 域名
check-step-source = 源地址
check-step-route = 路由
check-step-neighbour = 邻居
check-step-ping = ping
check-step-path = 路径
check-step-connect = 连接
check-step-around = 其他端口
check-step-size = 包大小
check-step-tls = TLS
check-step-http = HTTP
check-step-application = 应用
check-name = { $name } 是 { $addresses }
check-name-failed = { $name } 没有地址：{ $why }
check-name-late = 系统的解析器还没有回答 { $name }
check-name-going = { $name } 是 { $addresses }；系统的解析器还没有这样说
check-sources = 查找顺序：{ $sources }；{ $cache }
check-cache-none = 本机没有缓存
check-cache-nscd = nscd 可能用缓存回答
check-cache-server = 服务器 { $server } 就是本机，可能用缓存回答
check-hosts = /etc/hosts 第 { $line } 行：{ $text }
check-served = DNS 服务器 { $server }：{ $what }
check-served-bare = DNS 服务器 { $server }：有这个名字，但没有地址
check-served-no-name = DNS 服务器 { $server }：没有这个名字（NXDOMAIN）
check-served-failed = DNS 服务器 { $server }：响应码 { $what }
check-served-silent = DNS 服务器 { $server }：没有回答
check-served-nobody = DNS 服务器 { $server }：被拒绝，那里没有程序在监听
check-served-unreachable = DNS 服务器 { $server }：到不了
check-served-unreadable = DNS 服务器 { $server }：它的回答读不懂
check-served-alias = ，别名 { $alias }
check-served-ttl = ，有效期 { $ttl } 秒
check-source = { $source }，在 { $link } 上
check-route-local = { $to } 就是本机
check-route-gateway = 经网关 { $gateway }，从 { $link } 出去，依据 { $entry }
check-route-link = 直接到 { $to }，从 { $link } 出去，依据 { $entry }
check-no-route = 没有到 { $to } 的路由 { $kind } { $entry }（errno { $errno }）
check-same-net = 同一子网：{ $to } 与 { $mask } 相与得 { $net }，和我们一样
check-other-net = 不同子网：{ $to } 与 { $mask } 相与得 { $net }，我们的是 { $own }/{ $prefix }
check-neighbour = { $address } 的状态是 { $state } { $hardware }
check-ping = { $after } 后有回答
check-ping-silent = 没有回答；许多主机本来就不回答 ping
check-ping-denied = 这个用户不许用（sysctl net.ipv4.ping_group_range 说明谁可以）
check-icmp = { $from } 说 ICMP { $type }/{ $code }
check-icmp-here = 本链路上没有人回答（ICMP { $type }/{ $code } 来自 { $from }，就是本机）
check-no-port = { $to } 说那个端口没有程序（ICMP { $type }/{ $code }）
check-connected = { $to } 接受了连接
check-answered = { $to } 有回答
check-refused = { $to } 拒绝了（RST）
check-silent = { $to } 没有回应
check-hop-silent = 没有回应
check-failed = 系统报告 errno { $errno }
check-other = 没有用到，由另一来源给出：{ $what }
check-around-silent = 其他端口也没有回应
check-backlog = 有 { $waiting } 个连接等着被接受，最多可等 { $most } 个
check-size-hole = { $full } 字节的包消失了，小包能到
check-size-told = { $router } 说放得下 { $fits } 字节，放不下 { $full }
check-size-unknown = 不知道：主机不回答数据报
check-size-fits = { $full } 字节的包能到
check-tls = { $version }，{ $suite }；名字 { $names }，还剩 { $days } 天，签发者 { $issuer }，信任依据 { $trust }
check-words = 它说 { $what }
check-nothing = 接受了连接，{ $what } 内什么也没说
check-closed = 接受了连接，一言不发就关闭了
check-reset = 接受了连接，然后重置了
check-counted = 内核的计数：{ $unacked } 个段未确认，重发 { $again } 次，{ $order } 个乱序到达
check-page = 状态 { $status }，{ $bytes } 字节 { $server } { $location }
check-part-name = 域名
check-part-tcp = TCP
check-part-tls = TLS
check-part-request = 请求
check-part-wait = 首字节
check-part-body = 正文
check-verdict-head = { $word }（{ $layer }）
check-certain = ：{ $culprit }
check-likely = ：大概是 { $culprit }
check-because = ；{ $facts }
check-and = { $one }，{ $two }
check-next = 。可以试：{ $next }
check-changed = { $what }：{ $before } → { $after }
check-changed-verdict = 结论
check-changed-addresses = 地址
check-changed-gateway = 网关
check-changed-routers = 路由器
check-changed-certificate = 证书
check-word-ok = 正常
check-word-unknown = 不知道
check-word-refused = 被拒绝
check-word-silent = 没有回应
check-word-reset = 被重置
check-word-unreachable = 不可达
check-word-prohibited = 被禁止
check-word-no-route = 没有路由
check-word-neighbour = 邻居不应答
check-word-not-found = 没有这个域名
check-word-misled = 被引到别处
check-word-failed = 失败
check-word-closed = 被关闭
check-word-too-big = 大包消失
check-word-plain-text = 不是 TLS
check-word-expired = 证书现在无效
check-word-wrong-name = 证书属于别的名字
check-word-untrusted = 证书不受信任
check-word-wrong-application = 是别的应用
check-layer-name = 域名
check-layer-route = 路由
check-layer-neighbour = 邻居
check-layer-path = 路径
check-layer-size = 包大小
check-layer-tcp = TCP
check-layer-udp = UDP
check-layer-tls = TLS
check-layer-application = 应用
check-culprit-name = 域名 { $which }
check-culprit-hosts-line = /etc/hosts 第 { $which } 行
check-culprit-resolver = DNS 服务器 { $which }
check-culprit-no-resolver = 没有配置 DNS 服务器
check-culprit-routing-table = 本机的路由表 { $which }
check-culprit-link = 链路 { $which }
check-culprit-mask = 我们自己地址的前缀 { $which }
check-culprit-gateway = 网关 { $which }
check-culprit-router = 路由器 { $which }
check-culprit-beyond = { $which } 之后的某处
check-culprit-host = 主机 { $which }
check-culprit-port = 端口 { $which }
check-culprit-backlog = { $which } 上的程序，它不接受连接
check-culprit-certificate = 服务器的证书
check-culprit-server = { $which } 上的服务器
check-fact-pinged = 它在 { $after } 后回答了 ping
check-fact-other-port = 这台主机在 { $address } 有回应
check-fact-datagram-answered = { $address } 回答了空数据报
check-fact-no-port = { $address } 说没有程序用这个端口
check-fact-datagram-silent = { $address } 没有回答空数据报，多数程序本来就不会
check-fact-system = 系统的解析器说：{ $words }
check-fact-system-late = 系统的解析器还没有回答
check-fact-server-says = { $server } 给出 { $addresses }
check-fact-server-bare = { $server } 知道这个名字，但没有地址
check-fact-server-no-name = { $server } 说 NXDOMAIN（没有这个名字）
check-fact-server-failed = { $server } 说 { $code }
check-fact-server-silent = { $server } 没有回答
check-fact-server-nobody = { $server } 上没有程序在监听
check-fact-server-unreachable = { $server } 到不了
check-fact-server-unreadable = { $server } 的回答读不懂
check-fact-block-address = { $address } 表示“被屏蔽”
check-fact-address-fails = { $address } 连不上
check-fact-address-works = { $server } 给出的 { $address } 能连上
check-fact-hosts-line = 第 { $line } 行写着：{ $text }
check-fact-source-unknown = 不知道 { $address } 从哪里来
check-fact-route-refused = 内核没有到 { $address } 的路 { $kind }
check-fact-rst = { $address } 在 { $after } 后用 RST 回答
check-fact-errno = 系统报告 errno { $errno }
check-fact-link-down = { $link } 没有启用，或没有载波
check-fact-no-arp = { $address } 在 { $link } 上不回答 ARP 或 NDP（{ $state }）
check-fact-arp = { $address } 回答 ARP 或 NDP（{ $state }）
check-fact-mask = 按 { $ours } 算 { $target } 在本链路上，可是网关 { $gateway } 与我们同在一个 /{ $narrow } 里，它却不在
check-fact-icmp-prohibited = { $router } 在 { $after } 后说 ICMP { $type }/{ $code }：被禁止
check-fact-icmp-no-route = { $router } 在 { $after } 后说 ICMP { $type }/{ $code }：没有到那里的路由
check-fact-icmp-no-arp = { $router } 到 { $after } 后才说 ICMP { $type }/{ $code }，{ $address } 不回答它的 ARP 时路由器正是这样
check-fact-icmp-no-host = { $router } 在 { $after } 后说 ICMP { $type }/{ $code }：主机不可达
check-fact-icmp-no-port = { $router } 在 { $after } 后说 ICMP { $type }/{ $code }，拒绝式的防火墙正是这样
check-fact-icmp-exceeded = { $router } 在 { $after } 后说 ICMP { $type }/{ $code }：包在路由器之间转来转去，直到生存时间用完
check-fact-nothing = { $address } 什么也没有回
check-fact-backlog-full = 有 { $waiting } 个连接等着被接受，最多 { $most } 个
check-fact-last-router = { $router } 是最后一个有回应的路由器
check-fact-connected = { $address } 在 { $after } 后接受了连接
check-fact-full-vanish = 小包能到，{ $full } 字节的一个也没到
check-fact-stuck = { $unacked } 个段始终未确认，重发 { $again } 次，{ $order } 个乱序到达
check-fact-fault = 代码 { $code }
check-fact-certificate-when = 证书 { $name }：{ $when }
check-fact-certificate-names = 要的是 { $asked }，证书属于 { $offered }
check-fact-certificate-whose = 证书 { $name } { $got }
check-fact-words = 它说的是 { $kind }：{ $text }
check-fact-asked-silent = 请求已发出，{ $after } 内什么也没有来
check-fact-waits = 它等人先开口
check-fact-fin = 它一言不发就关闭了
check-fact-reset-after = 它接受连接后又重置了
check-fact-page-cut = { $end ->
    [fin] 应答还没完，收到正文 { $bytes } 字节后它就关闭了连接
    [rst] 应答还没完，收到正文 { $bytes } 字节后它就重置了连接
   *[late] 应答收到正文 { $bytes } 字节后就停住了
 }
check-fact-status = 状态 { $status }
check-next-longer = 用 -t 给更多时间
check-next-port = 检查它的一个端口：主机:端口
check-next-listen = 在那里启动程序，或看它在哪个地址和端口监听（sockeye port）
check-next-message = 用 sockeye ask 发一条程序会回答的消息
check-next-resolver = 在 /etc/resolv.conf 里换一个 DNS 服务器
check-next-compare = 比较各 DNS 服务器，请人改正出错的那个，或换一个
check-next-spelling = 检查拼写；问问域名的管理者
check-next-records = 请域名的管理者加上 A 或 AAAA 记录
check-next-hosts = 改正或删除这一行
check-next-route-entry = 删除这条路由（ip route）
check-next-route-add = 添加路由或默认网关（ip route）
check-next-cable = 看网线、交换机，ip link set up
check-next-gateway = 网关开着吗？这是它的地址吗？
check-next-mask = 给我们的地址换上正确的前缀（ip addr、DHCP）
check-next-host-up = 主机开着吗？这是它的地址吗？
check-next-filter = 请管那台主机或网络的人放行
check-next-router = 请管那台路由器的人加上路由
check-next-loop = 请管这些路由器的人消除环路
check-next-filter-or-backlog = 有防火墙丢弃到这个端口的包，或者那里的程序不接受连接：到那台主机上看（ss -ltn）
check-next-backlog = 重启程序，或让它接受得快些
check-next-beyond = 从别处再试，并问管后面网络的人
check-next-mtu = 在这里用小一些的 MTU（ip link set mtu 1280）；让路上的 ICMP“太大”消息通过
check-next-server-log = 看那里程序的日志
check-next-plain = 不用 TLS 再试，或换到说 TLS 的端口
check-next-renew = 更新证书，并看看两边的时钟
check-next-certificate-name = 换成证书里有的名字，或给这个名字配证书
check-next-trust = 用 --ca 给出签发机构的证书，或用 --pin
check-next-certificate = 用 sockeye cert show 看看
check-next-client-certificate = 给出 --cert 和 --key
check-next-application = 端口对吗？按它的协议说话
check-next-server-slow = 用 -t 给更多时间；那里的程序在等什么？
## addr

error-not-on-this-system = 此系统上没有 { $what }
    .hint = Linux 上有；其他系统上尚未实现
verb-addr = 地址：本机的地址、某个地址是什么、两个地址是否同网
verb-addr-long =
    不带 ADDR：接口、地址、网关、DNS 服务器。带一个：它为何无效，或它是什么、可达多远、所在网络与范围。ADDR 写作
    192.168.1.7、192.168.1.7/24、192.168.1.7/255.255.255.0 或 fe80::1%eth0；掩码也可作为单独的词写在后面。
    --same 在两者不同网时以 1 退出
word-addr = 地址，可带前缀或掩码；--same 要两个，--summarize 要任意多个网络
flag-addr-same = 两个地址是否同网，以及数据包怎样从前者到后者
flag-addr-split = 把网络划分成此前缀（或掩码）的子网
flag-addr-split-into = 把网络划分成至少这么多个大小相同的子网
flag-addr-summarize = 把若干网络汇总成地址恰好相同的最少的网络
addr-invalid = { $text }：不是有效的地址
addr-lenient = 用 inet_aton 读地址的程序会把它当作 { $address }
addr-mistake = { $what ->
    [empty] 什么也没有
    [too-long] 比任何地址都长
    [no-address] 既不是用点隔开的四个十进制数，也不是用冒号隔开的各组
    [octets] IPv4 地址有 4 段；这里有 { $text } 段
    [octet-empty] 第 { $place } 段是空的
    [octet-too-large] 第 { $place } 段是 { $text }：8 位最多到 255
    [octet-leading-zero] 第 { $place } 段是 { $text }：以零开头，有的程序按八进制读成 { $more }
    [octet-no-octal] 第 { $place } 段是 { $text }：以零开头，有的程序按八进制读，而它不是八进制数
    [octet-not-decimal] 第 { $place } 段是 { $text }：每段是一个十进制数
    [groups] IPv6 地址有 8 组，或用一次 :: 代替若干组零；这里有 { $text } 组，且没有 ::
    [nothing-to-fill] :: 至少代替一组零，而旁边已有 { $text } 组
    [two-gaps] :: 出现两次：各代替多少个零无从得知
    [colons] 连续三个冒号
    [lone-colon] 开头或结尾有单独一个冒号
    [group-too-long] 第 { $place } 组是 { $text }：一组最多 4 位
    [group-not-hex] 第 { $place } 组是 { $text }：一组由十六进制数字 0-9、a-f 组成
    [dots-not-last] 第 { $place } 组里有点：IPv4 地址只能放在 IPv6 地址末尾
    [zone-empty] % 后面缺少接口名，例如 fe80::1%eth0
    [zone-on-ipv4] IPv4 地址没有区域（zone）
    [brackets] 方括号属于 URL，例如 tcp://[::1]:80；地址本身不带方括号
    [prefix-no-number] 前缀是 { $text }：它必须是数字
    [prefix-range] 前缀是 { $text }：应在 0 到 { $more } 之间
    [mask-not-contiguous] { $text } 不是掩码：有 0 在 1 的前面（{ $more }）
    [wildcard] 这是通配符掩码（反掩码）；掩码是 { $text }（/{ $more }）
    [mask-bad] { $text } 不是掩码
    [mask-on-ipv6] IPv6 只用前缀，例如 /64
   *[two-sizes] 既有前缀又有掩码：写一个就够了
  }
addr-none = 无
addr-gateway = 网关
addr-dns = DNS 服务器
addr-search = 搜索域
addr-link-off = 已关闭
addr-link-no-carrier = 无载波
addr-link-up = 已启用
addr-mac = MAC 地址 { $mac }
addr-mtu = 最大传输单元 { $mtu }
addr-link-scope = 范围 { $scope }
addr-link-broadcast = 广播 { $address }
addr-link-peer = 对端 { $address }
addr-tentative = 检测中，尚未使用
addr-duplicate = 地址冲突：另一台主机已有此地址
addr-deprecated = 已弃用：不再用于新连接
addr-temporary = 临时地址
addr-valid = 有效期 { $seconds } 秒
addr-gateway-on = { $gateway }，经 { $link }（度量 { $metric }）
addr-gateway-link = 全部经 { $link }，无网关（度量 { $metric }）
addr-gateways = 分摊到 { $ways }（度量 { $metric }）
addr-dns-line = { $address }（{ $path } 第 { $line } 行）
addr-dns-unused = { $address }（{ $path } 第 { $line } 行）：不会用到，C 库只取前三个
addr-dns-none = { $path } 没有写服务器：C 库会问 127.0.0.1
addr-dns-mistake = { $text } 不是地址（{ $path } 第 { $line } 行）：被跳过
addr-family = 协议族
addr-scope = 范围
addr-reach = { $reach ->
    [unspecified] 未指定：不是任何主机的地址，或指本网络
    [loopback] 环回：就是本机，从不上线路
    [private] 私有：许多网络都用同样的地址，因此互联网上不路由
    [shared] 共享：运营商与其用户之间（运营商级 NAT）
    [link-local] 链路本地：从不越过路由器
    [documentation] 文档用：只作示例，从不使用
    [benchmarking] 基准测试用：供实验室测量
    [broadcast] 广播：本链路上的所有主机
    [protocol] 特殊：留给某个协议
    [reserved] 保留待用
    [discard] 仅丢弃：发往它的数据包都被丢弃
    [multicast] 组播：一组主机
    [site-local] 站点本地：RFC 3879 已弃用，按全局地址对待
    [unassigned] 未分配：没有人拥有它
   *[global] 全局：互联网上任何人都可能拥有
  }
addr-group = { $group ->
    [local-control] 只在本链路，与 TTL 无关
    [source-specific] 指定源：每组只有一个发送者
    [administered] 由管理员决定范围
   *[internet] 全互联网，或到 TTL 为止
  }
addr-group-v6 = 范围 { $number }：{ $group }
addr-registry = 登记
addr-registered = { $block } { $name }（出自 { $source }）
addr-reachable = 可达性
addr-global = { $global ->
    [yes] 可能任何地方都可达
    [no] 并非任何地方都可达
   *[unsaid] IANA 没有说明
  }
addr-class = 类别
addr-class-of = { $what ->
    [sized] { $class } 类（以 { $bits } 开头，当时的网络为 { $prefix }）
   *[none] { $class } 类（以 { $bits } 开头）
  }
addr-class-historic = 已成历史（RFC 791）：自 RFC 4632 起由前缀决定，不再看类别
addr-short = 简写
addr-full = 完整写法
addr-zone = 区域
addr-embedded = 内含地址
addr-embedded-as = { $what ->
    [mapped] { $address }：IPv4 映射地址（RFC 4291 第 2.5.5.2 节）
    [compatible] { $address }：IPv4 兼容地址，已弃用（RFC 4291 第 2.5.5.1 节）
    [six-to-four] { $address }：6to4（RFC 3056 第 2 节）
    [teredo] { $address }，UDP 端口 { $port }，经服务器 { $server }：Teredo（RFC 4380 第 4 节）
    [nat64] { $address }：NAT64（RFC 6052 第 2.1 节）
   *[isatap] { $address }：ISATAP（RFC 5214 第 6.1 节）
  }
addr-eui64 = 网卡标识
addr-eui64-of = 看来由 MAC { $mac } 生成（RFC 4291 附录 A）
addr-solicited = 请求组
addr-binary = 二进制
addr-mask = 掩码
addr-wildcard = 反掩码
addr-network = 网络
addr-host = 主机部分
addr-no-prefix = 没有前缀或掩码就不知道：例如 { $address }/{ $prefix }
addr-broadcast = 广播
addr-hosts = 主机范围
addr-range = { $what ->
    [one] 只有 { $first }
    [pair] { $first } 和 { $last }（RFC 3021：只有两台的链路不需要广播）
   *[many] { $first } – { $last }
  }
addr-count = 数量
addr-counted = { $what ->
    [one] 1 个地址
    [pair] 2 个地址，都可给主机
    [six] { $size } 个地址（2^{ $power }）
   *[many] 主机可用 { $hosts } 个，共 { $size } 个（2^{ $power }）
  }
addr-role = 此地址
addr-role-is = { $role ->
    [network] 是网络地址：没有主机用它
    [anycast] 是该网络路由器的任播地址（RFC 4291 第 2.6.1 节）
   *[broadcast] 是广播地址：没有主机用它
  }
addr-reverse = 反向域名
addr-here = 本机
addr-here-on = 是本机的地址，在 { $links } 上
addr-same = { $verdict ->
    [yes] { $from } 和 { $to } 在同一网络
    [half] { $from } 和 { $to }：一方认为同网，另一方认为不同网。有一个掩码错了
   *[no] { $from } 和 { $to } 不在同一网络
  }
addr-equal = 相等：在 { $own } 看来，{ $other } 在自己的网络里（/{ $prefix }）
addr-differs = { $prefix } 位中从第 { $bit } 位起不同：在 { $own } 看来，{ $other } 在另一个网络
addr-path-textbook = { $verdict ->
    [yes] { $from } 用 { $ask } 询问 { $to } 本身，直接发给它
   *[no] { $from } 用 { $ask } 询问自己的网关，把数据包交给它。网关是哪个，这里无从得知：{ $from } 不是本机的地址
  }
addr-path-own = { $what ->
    [local] 数据包不会离开本机：两个都是本机的地址
    [gateway] 本机在 { $link } 上用 { $ask } 询问网关 { $gateway }，把数据包交给它
    [direct] 本机在 { $link } 上用 { $ask } 询问 { $to } 本身，直接发给它
    [quiet] 本机经 { $link } 发出，那里不必询问
   *[other] 本机到 { $to } 的路由类型是 { $kind }
  }
addr-path-refused = 本机不会发出：{ $kind ->
    [none] 从 { $link } 上的 { $from } 到 { $to } 没有路由（系统错误号 { $errno }）
    [blackhole] 其路由是黑洞，且不通知任何人
   *[other] 其路由为 { $kind }（系统错误号 { $errno }）
  }
addr-neighbour = { $known ->
    [none] 最近没有询问过 { $address }
    [unknown] { $address } 的状态是 { $state }：MAC 未知
   *[known] { $address } 的状态是 { $state }，{ $mac }
  }
addr-split = { $network } 划分为 { $count } 个 /{ $prefix }，每个可有 { $hosts } 台主机
addr-split-more = 要了 { $asked } 个；大小相同的网络个数是 2 的幂，所以有 { $count } 个
addr-split-left = …… 还有 { $count } 个
addr-summary = 给了 { $given } 个，汇总为 { $count } 个
addr-trimmed = { $network } 按 { $trunk } 处理：前缀之后的位不计

## ping

verb-ping = 主机是否应答、有多快
verb-ping-long =
    先用 ICMP 数据报套接字，不允许则用原始套接字，再不行则用 UDP 探测关闭的端口（被拒绝也算应答），最后用 TCP；
    用了哪一种、为何不用前面的，都会说明。有应答以 0 退出，毫无应答为 1，名称或路由不存在为 4
word-ping-host = 名称或地址
flag-ping-tcp = 用 TCP 连接此端口；被拒绝也算应答
flag-ping-udp = 向此端口发数据报；回复或端口关闭都算应答
flag-ping-count = 次数（默认 10）；0 表示直到 Ctrl-C，最多一百万
flag-ping-interval = 两次之间的时间，10ms 到 1h（默认 1s）
flag-ping-size = 载荷字节数，0 到 65507（默认 56）
flag-ping-four = 只用 IPv4
flag-ping-six = 只用 IPv6
ping-begun = { $host }，用 { $way }{ $sized ->
    [yes] ，每次 { $size } 字节
   *[no] {""}
  }
ping-way = { $way ->
    [icmp] ICMP（数据报套接字）
    [icmp-raw] ICMP（原始套接字）
    [udp] UDP（探测从 { $first } 起的关闭端口）
    [udp-port] UDP 端口 { $port }
   *[tcp] TCP 端口 { $port }
  }
ping-refused-way = 没有用 { $way }：{ $why }{ $kind ->
    [icmp] 。改 sysctl net.ipv4.ping_group_range 可以允许此用户
    [icmp-raw] 。root 或 CAP_NET_RAW 可以
   *[other] {""}
  }
ping-others = 它还有别的地址：{ $others }
ping-answer = { $what ->
    [echo] 来自 { $from } 的 { $bytes } 字节  序号 { $number }
    [datagram] 来自 { $from } 的 { $bytes } 字节  序号 { $number } （服务的回复）
    [open] { $from } 端口开放  序号 { $number }
   *[closed] { $from } 拒绝：端口关闭，但主机有应答  序号 { $number }
  }
ping-ttl = 生存时间 { $ttl }
ping-late = 迟到
ping-duplicate = 重复
ping-corrupt = 从第 { $at } 字节起损坏
ping-ordered = （对应哪一次是按顺序推断的）
ping-silent = 序号 { $number }：{ $wait } 秒内没有应答
ping-trouble = 序号 { $number }：{ $from } 报告{ $says }（{ $protocol } 类型 { $type }，代码 { $code }）
ping-icmp = { $word ->
    [net-unreachable] 网络不可达
    [host-unreachable] 主机不可达
    [protocol-unreachable] 协议不可达
    [port-unreachable] 端口不可达
    [fragmentation-needed] 需要分片，MTU { $mtu }
    [source-route-failed] 源路由失败
    [net-unknown] 网络未知
    [host-unknown] 主机未知
    [net-prohibited] 网络被禁止
    [host-prohibited] 主机被禁止
    [prohibited] 被管理员禁止
    [source-quench] 源抑制
    [hops-exceeded] 途中 TTL 耗尽
    [reassembly-exceeded] 分片未能按时到齐
    [parameter-problem] 首部有误
    [no-route] 没有路由
    [beyond-scope] 超出源地址的范围
    [address-unreachable] 地址不可达
    [source-policy] 源地址不合策略
    [reject-route] 路由拒绝
    [packet-too-big] 数据包太大，MTU { $mtu }
   *[other] 未知的错误
  }
ping-unsent = 序号 { $number }：本系统报告 { $why }
ping-limited = 部分丢失可能并非真的丢失：许多主机每秒只用 ICMP 拒绝一次左右，用 -i 1s 或 --tcp PORT 更公平
ping-nothing = { $kind ->
    [icmp] 毫无应答：许多主机和防火墙丢弃 ICMP，可用 --tcp PORT 换一种方式
    [udp] 毫无应答：防火墙常丢弃这类数据报，可用 --tcp PORT 换一种方式
    [udp-port] 毫无应答：开放但不回话的 UDP 端口与被防火墙挡住的看起来一样
   *[tcp] 毫无应答：主机不在，或途中被丢弃；换个端口也许可行
  }
ping-summary = 发出 { $sent }，应答 { $answered }，丢失 { $lost }（{ $loss } %）
ping-count-failed = 报告的错误：{ $count }
ping-count-late = 迟到：{ $count }
ping-count-duplicate = 重复：{ $count }
ping-count-corrupt = 损坏：{ $count }
ping-count-under-way = 在途：{ $count }
ping-times = 最短 { $min }  中位 { $median }  p90 { $p90 }  p99 { $p99 }  最长 { $max }  抖动 { $jitter } ms
ping-clock = { $whose ->
    [kernel] 时间由内核记录：数据包离开和到达的时刻
    [program] 时间由本程序的时钟记录：包含等待处理器的时间
   *[both] 时间尽量由内核记录，否则由本程序的时钟记录
  }
ping-neighbour = 本机的 { $ask } 询问没有回应：没有主机用该地址，或前面的路由器不在了
ping-plot = { $shared ->
    [yes] 每列取 { $each } 次中最长的
   *[no] 每列一次
  }，从 { $min } 到 { $max }；× 为丢失
# port, watch
verb-watch = 实时查看本机的套接字，以及它们怎样结束
verb-watch-long = 在终端上是表格，否则每个事件一行，用 --json 则每个事件一个对象。新的套接字和状态变化靠每秒查看一次得知，更短的可能看不到；每个套接字的结束由内核告知，带有最后的数据，其他用户的也一样。来不及接收的会计数。不需要任何特权，但没有特权就看不到其他用户的进程。-t 到时结束。仅限 Linux
verb-port = 谁在监听，谁占用端口、端口作何用途，空闲端口
verb-port-long = 不带参数：每个监听的 TCP 套接字和绑定的 UDP 套接字及其进程。给出端口：谁占用它，IANA 在那里登记了什么，此时此地能否绑定。给出名称：它的端口。不需要特权，但没有特权就看不到其他用户的进程
word-port-asked = 端口，或服务的名称
flag-watch-port = 只看任一端为这些端口的套接字，可用数字或名称
flag-watch-peer = 只看对端在这些网段中的套接字
flag-watch-state = 只看处于这些状态的套接字：established、time-wait、listen 等
flag-watch-process = 只看这些进程的套接字，可用进程号或名称的一部分
flag-watch-every = 两次查看的间隔（默认 1s，至少 100ms）
flag-watch-once = 显示此刻的套接字，然后结束
flag-port-free = 打印这么多个在 TCP 和 UDP 上都空闲的端口（最多 1000 个）
error-unknown-port = { $name } 既不是端口，也不是登记过的名称
    .hint = 端口是 0 到 65535 的数；名称取自 IANA 的登记表，例如 http
    .near = 是不是其中之一：{ $near }？
error-cannot-look = 这个系统不让查看它的套接字
    .hint = 只能在 Linux 上，且内核要有 inet_diag；容器里可能被关闭
error-unknown-state = TCP 连接没有 { $name } 这个状态
    .hint = 状态有 LISTEN、SYN-SENT、SYN-RECEIVED、ESTABLISHED、FIN-WAIT-1、FIN-WAIT-2、CLOSE-WAIT、CLOSING、LAST-ACK、TIME-WAIT、CLOSED
socket-process = { $name }（进程 { $pid }）
socket-processes = { $name }（进程 { $pid }，另有 { $others } 个）
socket-listener = 可能是 { $name }（进程 { $pid }）
socket-user = 用户 { $uid }
socket-hidden = 不可见
note-port-none = 没有任何监听
note-port-hidden = 有 { $count } 个套接字的进程不可见：属于其他用户（root 可以看到），或在本容器之外
port-protocol = 协议
port-address = 地址
port-process = 进程
port-registered = 登记
port-title = 端口 { $port }
port-class = 类别
port-well-known = 知名端口，0-1023：由 IANA 审核后分配（RFC 6335）
port-registered-range = 注册端口，1024-49151：由 IANA 按申请分配（RFC 6335）；教程常把 1024-65535 统称为动态端口
port-dynamic = 动态端口，49152-65535：从不分配（RFC 6335）；教程常把 1024-65535 统称为动态端口
port-unassigned = 没有
port-never = 没有，以后也不会有：这一段的端口从不分配
port-copy = 依据 IANA { $date } 的登记表
port-held = 占用者
port-held-none = 没有谁在此等待连接
port-may-not-see = 它的进程不可见：属于其他用户（root 可以看到），或在本容器之外
port-unseen = 这个系统不让查看
port-connections = 连接
port-ephemeral = 临时端口
port-range-in = 在 { $range } 之内；没有指定端口时，系统从中分配
port-range-out = 不在 { $range } 之内；没有指定端口时，系统从中分配
port-range-reserved = 保留端口：系统不会主动分配（ip_local_reserved_ports），但可以绑定；系统从 { $range } 中分配
port-range-unknown = 这个系统不说明它分配哪些端口
port-usage-tcp = { $protocol }：{ $size } 个中用了 { $ports } 个，共 { $sockets } 个套接字，其中 { $waiting } 个处于 TIME-WAIT
port-usage-udp = { $protocol }：{ $size } 个中用了 { $ports } 个，共 { $sockets } 个套接字
port-bind = 绑定
port-bind-works = 此时此地可以
port-bind-reuse = 只有设了 SO_REUSEADDR（服务器通常会设）才可以：旧连接还处于 TIME-WAIT
port-bind-taken = 不可以：已被占用
port-bind-privileged = 不可以：{ $first } 以下的端口需要特权（root、CAP_NET_BIND_SERVICE）
port-bind-no-address = 不可以：本机没有这个地址
port-bind-other = 不可以：{ $detail }
watch-protocol = 协议
watch-state = 状态
watch-local = 本地
watch-peer = 对端
watch-process = 进程
watch-rtt = 往返
watch-cwnd = 窗口
watch-retransmits = 重传
watch-receive-queue = 收队列
watch-send-queue = 发队列
watch-in = 收/秒
watch-out = 发/秒
watch-sort-rate = 速率
watch-sort-port = 本地端口
watch-head = { $sockets } 个套接字中的 { $shown } 个，{ $time }：新建 { $opened }，结束 { $died }，错过 { $missed }
watch-keys = q 退出  s 排序（{ $sort }）  / 过滤  ↑↓ j k 滚动
watch-sorted = 按{ $sort }排序
watch-deaths = 最近结束的
watch-present = 已有
watch-opened = 新建
watch-changed = 状态
watch-died = 结束
watch-missed = 错过了 { $count } 个结束：来得太多，内核放不下
watch-figures = 收 { $in } 字节，发 { $out } 字节，往返 { $rtt }，重传 { $retransmits } 次
watch-seen = 见到它 { $time }
watch-unseen = 没有见过它存活
watch-polled = （上次查看时的数据）
note-watch-cut = 套接字太多，没有全部查看
note-watch-began = 正在查看 { $sockets } 个套接字中的 { $wanted } 个，以及之后新建的
note-watch-totals = 共查看 { $time }：新建 { $opened }，结束 { $died }，错过 { $missed } 个结束
# trace
verb-trace = 完整观察一个连接：握手、状态、关闭，画成梯形图
verb-trace-long = 建立连接，若有 MESSAGE 就发送，像 `ask` 那样等待应答，然后关闭，并在两列之间画出全过程：每个报文段的标志与序号、两端从 CLOSED 到 TIME-WAIT 的状态，以及背后的套接字调用。每一行都注明来历：抓包、跟踪、轮询或推断。抓包需要 root 或 CAP_NET_RAW；没有权限时会说明，并展示本程序与内核所知的一切
word-trace-message = 消息，写法同 `ask`；不给则只建立连接并关闭
flag-trace-wait = 一直等到 TIME-WAIT 之后的时间过去
flag-trace-svg = 同时把梯形图画到这个文件
flag-trace-html = 同时写一个网页：梯形图、两端的状态图，可用滑块逐步查看
flag-trace-pcapng = 同时把抓到的数据包原样写入文件，供 Wireshark 查看
trace-blind-rights = 没有抓包：这需要 root 或 CAP_NET_RAW
trace-blind-system = 没有抓包：sockeye 不知道这个系统上的抓包方法
trace-blind-other = 没有抓包：{ $error }
trace-blind-seen = 因此看不到序号、窗口、选项，也看不到丢失或重传的报文段；标有 I 的行是由本程序的调用推断的
trace-blind-hint = 用 sudo sockeye trace …，或执行一次 sudo setcap cap_net_raw+ep "$(command -v sockeye)"
how-captured = 抓包
how-traced = 跟踪
how-polled = 轮询
how-inferred = 推断
trace-last-own = 本端 { $address }：{ $state }（{ $how }）
trace-last-other = 对端 { $address }：{ $state }（{ $how }）
trace-numbers = 相对序号从 { $client }（左）与 { $server }（右）起算
trace-figures = 内核：rtt { $rtt } 毫秒，mss { $mss }，cwnd { $cwnd }，重传 { $count }
trace-ends-in = { $time } 后结束
trace-lost = 漏掉的数据包数（梯形图因此有缺口）：{ $count }
trace-scheduled = 写入：第 { $byte } 字节已交给网卡队列
trace-sent = 写入：第 { $byte } 字节已发出
trace-acknowledged = 写入：第 { $byte } 字节已被确认
trace-icmp = ICMP { $kind }/{ $code }，来自 { $address }
trace-mark-retransmission = 重传
trace-mark-out-of-order = 乱序
trace-mark-gap = 之前有未见到的数据
trace-mark-duplicate-ack = 重复 ACK
trace-mark-zero-window = 零窗口
trace-mark-window-update = 窗口更新
trace-mark-keep-alive = 保活探测
trace-previous = 上一步
trace-next = 下一步
trace-unknown = 未知
trace-saved-syn = 客户端的 SYN：{ $facts }
flag-serve-trace = 每个会话结束时像 `trace` 那样讲述它：线路上的数据包与两端的状态
trace-untold = 未讲述的会话数（同时结束的太多）：{ $count }
trace-left-out = …… 此处省略 { $count } 行；-v 或 --json 显示全部
trace-not-drawn = …… 还有 { $count } 行没有画出；--json 中有全部
## explain

verb-explain = 逐层拆解一个包，或把消息逐层封装
verb-explain-long =
  显示包的每一层说了什么、加了多少字节、在五层模型和 OSI 七层模型中的位置，以及哪里不对。INPUT 是任何常见写法的十六进制
  （hexdump、tcpdump -x、Wireshark、C 数组）、文件（pcap、pcapng、含十六进制的文本，或原始字节），或表示标准输入的 -。
  单独的字节按以太网解释，--as 可以另外指定。-v 解释每个字段。
  加 --wrap 则反过来：发往某个端点的消息在线路上每一层是什么样子；什么也不会真的发出去
word-explain-input = 十六进制、文件，或表示标准输入的 -；加 --wrap 时是端点
flag-explain-as = 字节从哪一层开始：ethernet（默认）、arp、ip、ipv4、ipv6、icmp、icmpv6、tcp、udp、dns、dhcp、http、tls，或 guess（取最说得通的）；抓包文件自己会说明
flag-explain-packet = 抓包文件中的第几个包，从 1 数起（默认 1）
flag-explain-all = 抓包文件中的每一个包
flag-explain-wrap = 改为把这条消息封装给端点：文本，或写成 hex:… 和 b64:… 的字节
flag-explain-mtu = 与 --wrap 同用：链路上最长的包，1280 到 65535（默认 1500）
note-explain-instead = 按以太网解释说不通；--as { $name } 更合适
note-explain-guessed = --as { $name } 是猜测的
note-explain-file-cut = 文件在一个包的中间结束，那个包没有显示
explain-title = 第 { $number } 个包：{ $size } 字节，{ $when }
explain-title-cut = 第 { $number } 个包：{ $whole } 字节中抓到了 { $size } 字节，{ $when }
explain-title-bytes = { $size } 字节
explain-hex-more = ……还有 { $count } 字节；-v 显示全部
explain-place = { $five }（五层第 { $number } 层，OSI 第 { $osi } 层），加了 { $added } 字节：{ $bytes }
explain-place-carried = { $five }（五层第 { $number } 层，OSI 第 { $osi } 层），所载的内容：字节 { $bytes }
explain-place-empty = { $five }（五层第 { $number } 层，OSI 第 { $osi } 层），这里一个字节也没有
explain-five-physical = 物理层
explain-five-link = 链路层
explain-five-network = 网络层
explain-five-transport = 传输层
explain-five-application = 应用层
explain-ethernet = 以太网
explain-vlan = 802.1Q 标签
explain-llc = 802.2 LLC 子层
explain-cooked = Linux 伪链路头
explain-null = 回环头
explain-arp = ARP
explain-ipv4 = IPv4
explain-ipv6 = IPv6
explain-ipv6-extension = IPv6 扩展首部
explain-icmp = ICMP
explain-icmpv6 = ICMPv6
explain-tcp = TCP
explain-udp = UDP
explain-dns = DNS
explain-dhcp = DHCP
explain-http = HTTP
explain-tls = TLS
explain-data = 数据
explain-message = 消息
explain-framing = 分帧
explain-websocket = WebSocket
explain-physical = 线路
explain-part = { $whole } 字节中的 { $part } 字节
explain-padding = 填充
explain-tail = 尾部
explain-preamble = 前导码
explain-check-and-gap = 校验与间隔
explain-about-ethernet = 把一帧送到同一链路上的下一台机器，靠硬件地址（IEEE 802.3）
explain-about-vlan = 在同一根线上分开几个网络（IEEE 802.1Q）
explain-about-llc = 帧里写的是长度而不是类型时，由它说明里面是什么（IEEE 802.2）
explain-about-cooked = 从未上过线路：Linux 在“any”设备上抓包时写的
explain-about-null = 从未上过线路：系统为回环设备的包写的
explain-about-arp = 在链路上询问谁拥有某个 IPv4 地址，因为以太网需要硬件地址（RFC 826）
explain-about-ipv4 = 把包送到互联网上任何主机，一站接一站经过路由器；可能丢失（RFC 791）
explain-about-ipv6 = 同 IPv4，地址更长，首部更简单（RFC 8200）
explain-about-ipv6-extension = 位于 IPv6 首部和所载内容之间的首部（RFC 8200 第 4 节）
explain-about-icmp = 告诉发送方包的下场，也回答 ping（RFC 792）
explain-about-icmpv6 = 同 ICMP，并代替 ARP：寻找邻居和路由器（RFC 4443、RFC 4861）
explain-about-tcp = 在两个程序之间，把会丢的包变成可靠的字节流（RFC 9293）
explain-about-udp = 把一个数据报送到某个程序，送不到也不重发（RFC 768）
explain-about-dns = 查找名字对应的内容，多半是地址（RFC 1035）
explain-about-dhcp = 给机器分配地址、路由器和 DNS 服务器（RFC 2131）
explain-about-http = 以文本行请求网页、提交数据（RFC 9112）
explain-about-tls = 给字节流加密，并证明对端是谁（RFC 8446）
explain-about-data = 以上各层都是为了它：应用程序的字节
explain-about-message = 程序想说的话
explain-about-framing = 标出消息在哪里结束，因为字节流没有边界（“粘包”）
explain-about-websocket = 带长度的帧，客户端要加掩码（RFC 6455 第 5.2 节）
explain-about-physical = 前导码 8、帧校验 4、帧间隔 12；抓包看不到它们（IEEE 802.3）
explain-flaw = ! { $flaw }
explain-flags = 置位的标志
explain-none-set = 无
explain-more = { $shown } ……另有 { $count } 字节
explain-named = { $value }（{ $name }）
explain-group = { $name }：{ $inside }
explain-unit-bytes = { $count } 字节
explain-unit-seconds = { $count } 秒
explain-unit-milliseconds = { $count } 毫秒
explain-unit-eight-bytes = { $count } × 8 字节
explain-wrong-truncated = 被截断：至少缺 { $count } 字节
explain-wrong-fragment = 其余在别的分片里
explain-wrong-quote = 引用它的消息到此为止
explain-wrong-continues = 在后面的段里继续：至少还有 { $count } 字节
explain-wrong-checksum = { $field }是 { $found }，应为 { $right }
explain-wrong-unverified = { $field }无法核对：它所覆盖的内容不全
explain-wrong-length = { $field }写着 { $says }，与实际不符：{ $bound }
explain-wrong-reserved = { $field }应为零
explain-wrong-version = 版本 { $value } 不是这个协议的
explain-wrong-value = { $field }的值不允许：{ $value }
explain-wrong-name = { $field }：名字没有结尾，或指向没有名字的地方
explain-wrong-malformed = { $field }不符合协议的写法
explain-wrong-many = 只显示前 { $count } 个
explain-wrong-deep = 层数太深，没有显示
explain-wrap-title = 发往 { $endpoint } 的消息，从 { $from } 到 { $to }
explain-units = 分 { $count } 份
explain-examples = 示例值：发送方 { $from }、双方硬件地址、TCP 或 IP 的编号
explain-example-mask = 掩码 37fa213d 也是示例，真实的客户端每帧都重新随机选取
explain-example-name = { $to } 也是示例，因为没有去查询这个名字
explain-encrypted = ?? 是密文，或对密文的校验和：没有编造
explain-once = 只在连接开始时出现，不是每条消息都有：{ $layers }
explain-segments = 共 { $count } 段：链路上的包最长 { $mtu } 字节，TCP 因此把流切开；图中画的是第一段
explain-fragments = 共 { $count } 片：链路上的包最长 { $mtu } 字节，IP 因此把数据报切开；图中画的是第一片
explain-frames-more = ……还有 { $count } 帧；-v 显示全部
explain-frame = 第 { $number } 帧，共 { $count } 帧：{ $size } 字节
explain-name-correct = 正确
explain-name-wrong = 错误
explain-name-not-checked = 未核对
explain-name-absent = 没有
explain-name-illegal = 不允许
explain-name-broadcast = 广播
explain-name-multicast = 组播
explain-name-request = 请求
explain-name-reply = 回答
explain-name-query = 询问
explain-name-response = 回答
explain-name-standard-query = 标准查询
explain-name-echo-request = 回显请求
explain-name-echo-reply = 回显应答
explain-name-destination-unreachable = 目的不可达
explain-name-network-unreachable = 网络不可达
explain-name-host-unreachable = 主机不可达
explain-name-protocol-unreachable = 协议不可达
explain-name-port-unreachable = 端口不可达
explain-name-address-unreachable = 地址不可达
explain-name-no-route = 没有路由
explain-name-fragmentation-needed = 需要分片，但不许分片
explain-name-packet-too-big = 包太大
explain-name-administratively-prohibited = 被管理员禁止
explain-name-host-prohibited = 禁止访问该主机
explain-name-network-prohibited = 禁止访问该网络
explain-name-redirect = 重定向
explain-name-time-exceeded = 超时
explain-name-ttl-exceeded-in-transit = 途中 TTL 用尽
explain-name-hop-limit-exceeded-in-transit = 途中跳数用尽
explain-name-fragment-reassembly-time-exceeded = 重组分片超时
explain-name-parameter-problem = 参数有误
explain-name-router-solicitation = 路由器请求
explain-name-router-advertisement = 路由器通告
explain-name-neighbour-solicitation = 邻居请求
explain-name-neighbour-advertisement = 邻居通告
explain-name-source-link-layer-address = 源链路层地址
explain-name-target-link-layer-address = 目标链路层地址
explain-name-prefix-information = 前缀信息
explain-name-recursive-DNS-server = 递归 DNS 服务器
explain-name-no-operation = 空操作
explain-name-end-of-options = 选项结束
explain-name-maximum-segment-size = 最大段长
explain-name-window-scale = 窗口扩大因子
explain-name-SACK-permitted = 允许选择确认（SACK）
explain-name-SACK = 选择确认（SACK）
explain-name-timestamps = 时间戳
explain-name-user-timeout = 用户超时
explain-name-fast-open = 快速打开
explain-name-router-alert = 路由器警示
explain-name-record-route = 记录路由
explain-name-handshake = 握手
explain-name-alert = 警报
explain-name-application-data = 应用数据
explain-name-change-cipher-spec = 切换加密
explain-name-warning = 警告
explain-name-fatal = 致命
explain-name-infinity = 永久
explain-name-subnet-mask = 子网掩码
explain-name-router = 路由器
explain-name-domain-name-server = DNS 服务器
explain-name-host-name = 主机名
explain-name-domain-name = 域名
explain-name-broadcast-address = 广播地址
explain-name-requested-address = 请求的地址
explain-name-lease-time = 租期
explain-name-message-type = 消息种类
explain-name-server-identifier = 服务器标识
explain-name-parameter-request-list = 想要的参数
explain-name-renewal-time = 续租时间
explain-name-rebinding-time = 重新绑定时间
explain-name-vendor-class = 厂商类别
explain-name-client-identifier = 客户端标识
explain-name-end = 结束
explain-f-arp-hardware-size = 硬件地址长度
explain-f-arp-hardware-type = 硬件类型
    .why = 硬件地址属于哪种链路（RFC 826）
explain-f-arp-operation = 操作
    .why = 1 是询问谁有这个地址，2 是回答（RFC 826）
explain-f-arp-protocol-size = 协议地址长度
explain-f-arp-protocol-type = 协议类型
    .why = 问的是哪种协议的地址；0x0800 是 IPv4
explain-f-arp-sender-hardware = 发送方硬件地址
explain-f-arp-sender-ip = 发送方 IP
explain-f-arp-sender-mac = 发送方 MAC
    .why = 收到的人可以把它和发送方的 IP 一起记下
explain-f-arp-sender-protocol = 发送方协议地址
explain-f-arp-target-hardware = 目标硬件地址
explain-f-arp-target-ip = 目标 IP
    .why = 拥有这个地址的主机应当回答
explain-f-arp-target-mac = 目标 MAC
    .why = 请求里还不知道它：要问的正是它
explain-f-arp-target-protocol = 目标协议地址
explain-f-cooked-address = 地址
explain-f-cooked-address-length = 地址长度
explain-f-cooked-device-type = 设备类型
explain-f-cooked-direction = 方向
    .why = 是本机发出的，还是发给谁的
explain-f-cooked-interface = 网卡编号
explain-f-cooked-protocol = 协议
explain-f-cooked-reserved = 保留
explain-f-data-bytes = 字节
explain-f-dhcp-address = 地址
explain-f-dhcp-boot-file = 启动文件
explain-f-dhcp-broadcast = 广播标志
    .why = 客户端还没有地址，希望用广播回答
explain-f-dhcp-broadcast-address = 广播地址
explain-f-dhcp-client-hardware = 客户端硬件地址
explain-f-dhcp-client-ip = 客户端 IP
    .why = 客户端已经拥有的地址
explain-f-dhcp-client-mac = 客户端 MAC
    .why = 这个地址是给谁的
explain-f-dhcp-cookie = 魔数
    .why = 表示后面是选项（RFC 2131 第 3 节）
explain-f-dhcp-dns-server = DNS 服务器
explain-f-dhcp-domain-name = 域名
explain-f-dhcp-elapsed = 已用时间
    .why = 客户端已经尝试了多久
explain-f-dhcp-hardware-length = 硬件地址长度
explain-f-dhcp-hardware-type = 硬件类型
explain-f-dhcp-hops = 跳数
    .why = 经过了几个中继
explain-f-dhcp-host-name = 主机名
explain-f-dhcp-message-type = 消息种类
    .why = DISCOVER、OFFER、REQUEST、ACK：取得地址的四步
explain-f-dhcp-operation = 操作
    .why = 1 来自客户端，2 来自服务器（RFC 2131 第 2 节）
explain-f-dhcp-option = 选项
    .why = 1985 年没有想到的一切：编号、长度、值（RFC 2132）
explain-f-dhcp-option-code = 编号
explain-f-dhcp-option-data = 数据
explain-f-dhcp-option-length = 长度
explain-f-dhcp-option-padding = 填充
explain-f-dhcp-padding = 填充
explain-f-dhcp-relay-ip = 中继
    .why = 在网络之间转发 DHCP 的路由器
explain-f-dhcp-requested-address = 请求的地址
explain-f-dhcp-requested-option = 想要的选项
explain-f-dhcp-reserved = 保留位
explain-f-dhcp-router = 路由器
    .why = 默认网关
explain-f-dhcp-server-identifier = 服务器
    .why = 多个服务器提供时，指的是哪一个
explain-f-dhcp-server-ip = 下一服务器
    .why = 从谁那里下载启动文件；不是 DHCP 服务器
explain-f-dhcp-server-name = 服务器名
explain-f-dhcp-size = 大小
explain-f-dhcp-subnet-mask = 子网掩码
    .why = 地址中哪一部分代表网络
explain-f-dhcp-text = 文本
explain-f-dhcp-time = 时间
explain-f-dhcp-transaction = 事务号
    .why = 由客户端随机选取，用来认出给自己的回答
explain-f-dhcp-vendor-class = 厂商
explain-f-dhcp-your-ip = 分配的 IP
    .why = 服务器给出的地址
explain-f-dns-a = 地址（A）
explain-f-dns-aaaa = 地址（AAAA）
explain-f-dns-additional = 附加
    .why = 询问者接下来会想知道的
explain-f-dns-additionals = 附加记录数
explain-f-dns-alpn = 协议
explain-f-dns-answer = 回答
    .why = 一条资源记录：关于名字知道什么，能记多久
explain-f-dns-answers = 回答数
explain-f-dns-authentic = 已验证（AD）
    .why = 解析器已验证签名（DNSSEC，RFC 4035）
explain-f-dns-authoritative = 权威（AA）
    .why = 这台服务器自己负责这个区
explain-f-dns-authorities = 权威记录数
explain-f-dns-authority = 权威
    .why = 谁负责这个区
explain-f-dns-caa-flags = 标志
explain-f-dns-caa-tag = 标签
explain-f-dns-caa-value = 值
explain-f-dns-checking-disabled = 不检查（CD）
    .why = 不要替我检查签名
explain-f-dns-class = 类
    .why = IN 即互联网，实际都用它
explain-f-dns-cname = 真名（CNAME）
explain-f-dns-data = 数据
explain-f-dns-data-length = 数据长度
explain-f-dns-dname = 名字树（DNAME）
explain-f-dns-dnssec-ok = 要签名（DO）
    .why = 请把签名一起发来（RFC 3225）
explain-f-dns-edns-version = EDNS 版本
explain-f-dns-extended-rcode = 结果的高位
explain-f-dns-id = 标识
    .why = 回答里会重复它，用来对上问题
explain-f-dns-ipv4-hint = IPv4 提示
explain-f-dns-ipv6-hint = IPv6 提示
explain-f-dns-length = 长度
    .why = TCP 没有消息边界，所以每条消息先说自己多长（RFC 1035 第 4.2.2 节）
explain-f-dns-mx = 邮件服务器（MX）
explain-f-dns-name = 名字
    .why = 每一段前面是长度；最高两位为 1 时指回消息前面（RFC 1035 第 4.1.4 节）
explain-f-dns-ns = 域名服务器（NS）
explain-f-dns-opcode = 操作
explain-f-dns-option = 选项
explain-f-dns-option-code = 编号
explain-f-dns-option-data = 数据
explain-f-dns-option-length = 长度
explain-f-dns-parameter-key = 键
explain-f-dns-parameter-length = 长度
explain-f-dns-parameter-value = 值
explain-f-dns-port = 端口
explain-f-dns-preference = 优先级
    .why = 小的先试
explain-f-dns-ptr = 名字（PTR）
explain-f-dns-question = 问题
explain-f-dns-questions = 问题数
explain-f-dns-rcode = 结果
    .why = NXDOMAIN：没有这个名字
explain-f-dns-recursion-available = 可递归（RA）
    .why = 这台服务器会去问别人
explain-f-dns-recursion-desired = 期望递归（RD）
    .why = 请一直去问别人，直到知道为止
explain-f-dns-reserved = 保留位（Z）
explain-f-dns-response = 种类
    .why = 0 是询问，1 是回答
explain-f-dns-service-parameter = 参数
explain-f-dns-service-priority = 优先级
    .why = 0 表示别名（RFC 9460）
explain-f-dns-service-target = 目标
explain-f-dns-soa-expire = 过期时间
explain-f-dns-soa-mailbox = 管理员邮箱
explain-f-dns-soa-minimum = 否定缓存时间
    .why = “没有这个名字”可以记多久（RFC 2308）
explain-f-dns-soa-refresh = 刷新间隔
explain-f-dns-soa-retry = 重试间隔
explain-f-dns-soa-serial = 序列号
    .why = 区改变时增大
explain-f-dns-soa-server = 主服务器
explain-f-dns-srv-port = 端口
explain-f-dns-srv-priority = 优先级
explain-f-dns-srv-target = 主机
explain-f-dns-srv-weight = 权重
explain-f-dns-truncated = 截断（TC）
    .why = UDP 装不下：请改用 TCP 再问
explain-f-dns-ttl = 可缓存时间（TTL）
    .why = 回答可以保存多久
explain-f-dns-txt = 文本（TXT）
explain-f-dns-type = 类型
    .why = A：IPv4 地址，AAAA：IPv6 地址，MX：邮件，NS：域名服务器，CNAME：别名
explain-f-dns-udp-size = UDP 大小
    .why = 询问者能用 UDP 接收的最长回答（RFC 6891）
explain-f-ethernet-destination = 目的 MAC
    .why = 这一帧给链路上的谁；ff:ff:ff:ff:ff:ff 是给所有人
explain-f-ethernet-length = 长度
    .why = IEEE 802.3 的帧：所载内容有多长
explain-f-ethernet-padding = 填充
    .why = 一帧至少 60 字节，当年是为了能及时发现冲突
explain-f-ethernet-source = 源 MAC
    .why = 链路上谁发的：来自远处时就是路由器
explain-f-ethernet-trailer = 尾部
explain-f-ethernet-type = 类型
    .why = 里面是什么；1536 及以上是类型，以下是长度（IEEE 802.3）
explain-f-http-body-length = 正文
    .why = 这个包里有多少正文
explain-f-http-header = 首部字段
    .why = 名字、冒号、值（RFC 9110 第 5 节）
explain-f-http-method = 方法
    .why = 要做什么：GET 取，POST 交（RFC 9110 第 9 节）
explain-f-http-reason = 说明
explain-f-http-status = 状态码
    .why = 2xx 成功，3xx 在别处，4xx 请求有错，5xx 服务器有错（RFC 9110 第 15 节）
explain-f-http-target = 目标
    .why = 对象是什么，不含主机
explain-f-http-version = 版本
explain-f-icmp-checksum = 校验和
    .why = 对整条消息计算（RFC 1071）
explain-f-icmp-code = 代码
    .why = 对类型的细分
explain-f-icmp-gateway = 网关
    .why = 应当改用的路由器
explain-f-icmp-identifier = 标识符
    .why = 区分不同程序发出的 ping
explain-f-icmp-mtu = 下一跳 MTU
    .why = 下一段链路能通过的最长包：路径 MTU 发现（RFC 1191）
explain-f-icmp-pointer = 指针
    .why = 哪个字节有错
explain-f-icmp-sequence = 序号
    .why = 给 ping 编号，丢了就能发现
explain-f-icmp-type = 类型
    .why = 消息说什么：8 请求回显，3 不可达，11 超时（RFC 792）
explain-f-icmp-unused = 未用
explain-f-icmpv6-autonomous = 自动配置（A）
    .why = 主机可以自己生成地址（RFC 4862）
explain-f-icmpv6-checksum = 校验和
    .why = 对消息和 IPv6 地址一起计算（RFC 4443 第 2.3 节）
explain-f-icmpv6-code = 代码
    .why = 对类型的细分
explain-f-icmpv6-dns-lifetime = 有效期
explain-f-icmpv6-dns-server = DNS 服务器
explain-f-icmpv6-home-agent = 家乡代理（H）
explain-f-icmpv6-hop-limit = 跳数限制
    .why = 主机应填入自己包里的值
explain-f-icmpv6-identifier = 标识符
explain-f-icmpv6-link-address = 硬件地址
explain-f-icmpv6-link-mtu = 链路 MTU
explain-f-icmpv6-managed = 地址由 DHCPv6（M）
    .why = 地址由 DHCPv6 分配
explain-f-icmpv6-mtu = 最大包长（MTU）
    .why = IPv6 路由器不分片：发送方必须发更短的包
explain-f-icmpv6-on-link = 同链路（L）
    .why = 不经路由器就能到达
explain-f-icmpv6-option = 选项
explain-f-icmpv6-option-data = 数据
explain-f-icmpv6-option-length = 长度
explain-f-icmpv6-option-type = 类型
explain-f-icmpv6-other-configuration = 其他由 DHCPv6（O）
    .why = 其他设置由 DHCPv6 提供
explain-f-icmpv6-override = 覆盖（O）
    .why = 替换原来记下的
explain-f-icmpv6-pointer = 指针
explain-f-icmpv6-preference = 优先级
explain-f-icmpv6-preferred-lifetime = 首选期
explain-f-icmpv6-prefix = 前缀
    .why = 以此开头的地址属于本网络（RFC 4861 第 4.6.2 节）
explain-f-icmpv6-prefix-length = 前缀长度
explain-f-icmpv6-reachable-time = 可达时间
explain-f-icmpv6-redirected = 目的地址
explain-f-icmpv6-retransmission-time = 重传间隔
explain-f-icmpv6-router = 是路由器（R）
    .why = 回答者是路由器
explain-f-icmpv6-router-lifetime = 路由器有效期
    .why = 0 表示它不是默认路由器
explain-f-icmpv6-sequence = 序号
explain-f-icmpv6-solicited = 应邀（S）
    .why = 是对询问的回答
explain-f-icmpv6-target = 目标
    .why = 所问的地址
explain-f-icmpv6-type = 类型
    .why = 消息说什么；128 及以上不是错误（RFC 4443）
explain-f-icmpv6-unused = 未用
explain-f-icmpv6-valid-lifetime = 有效期
explain-f-ipv4-checksum = 校验和
    .why = 只对首部计算；每个路由器都要重算，因为 TTL 变了（RFC 1071）
explain-f-ipv4-destination = 目的地址
    .why = 路由器只看它来选路
explain-f-ipv4-dont-fragment = 不许分片（DF）
    .why = 路由器不许切开它，而要报告太长（RFC 1191）
explain-f-ipv4-dscp = 服务类别（DSCP）
    .why = 有多紧急，供在意的路由器参考（RFC 2474）
explain-f-ipv4-ecn = 拥塞标记（ECN）
    .why = 路由器在丢包之前先在这里做标记（RFC 3168）
explain-f-ipv4-fragment-offset = 片偏移
    .why = 这一片在整体中的位置
explain-f-ipv4-header-length = 首部长度
    .why = 有选项时首部超过 20 字节
explain-f-ipv4-identification = 标识
    .why = 同一个包的所有分片都相同
explain-f-ipv4-more-fragments = 还有分片（MF）
    .why = 这不是最后一片
explain-f-ipv4-option = 选项
explain-f-ipv4-option-data = 数据
explain-f-ipv4-option-length = 长度
explain-f-ipv4-option-padding = 填充
explain-f-ipv4-option-pointer = 指针
explain-f-ipv4-option-route = 路由
explain-f-ipv4-option-type = 类型
explain-f-ipv4-protocol = 协议
    .why = 里面是什么：1 ICMP，6 TCP，17 UDP
explain-f-ipv4-reserved = 保留位
explain-f-ipv4-router-alert = 路由器警示
explain-f-ipv4-source = 源地址
    .why = 回答发往这里
explain-f-ipv4-total-length = 总长度
    .why = 连首部在内；后面的是链路的填充
explain-f-ipv4-ttl = 生存时间（TTL）
    .why = 每过一个路由器减一；到 0 就丢弃，免得永远打转（RFC 791 第 3.2 节）
explain-f-ipv4-version = 版本
    .why = 4，让收到的人知道怎么读后面的内容
explain-f-ipv6-extension-data = 数据
explain-f-ipv6-extension-fragment-offset = 片偏移
    .why = 这一片在整体中的位置
explain-f-ipv6-extension-icv = 完整性校验值
explain-f-ipv6-extension-identification = 标识
    .why = 同一个包的所有分片都相同
explain-f-ipv6-extension-length = 长度
explain-f-ipv6-extension-more-fragments = 还有分片
explain-f-ipv6-extension-next-header = 下一个首部
    .why = 首部连成一串，各自说明下一个是什么（RFC 8200 第 4 节）
explain-f-ipv6-extension-option = 选项
explain-f-ipv6-extension-option-data = 数据
explain-f-ipv6-extension-option-length = 长度
explain-f-ipv6-extension-option-type = 类型
explain-f-ipv6-extension-reserved = 保留
explain-f-ipv6-extension-reserved-bits = 保留位
explain-f-ipv6-extension-router-alert = 路由器警示
explain-f-ipv6-extension-routing-type = 路由类型
explain-f-ipv6-extension-segments-left = 剩余段数
explain-f-ipv6-extension-sequence = 序号
explain-f-ipv6-extension-spi = 安全参数索引（SPI）
explain-f-ipv6-destination = 目的地址
explain-f-ipv6-dscp = 服务类别（DSCP）
    .why = 有多紧急，供在意的路由器参考（RFC 2474）
explain-f-ipv6-ecn = 拥塞标记（ECN）
    .why = 路由器在丢包之前先在这里做标记（RFC 3168）
explain-f-ipv6-flow-label = 流标签
    .why = 同一连接的包都相同，让它们走同一条路（RFC 6437）
explain-f-ipv6-hop-limit = 跳数限制
    .why = 同 IPv4 的 TTL：每过一个路由器减一
explain-f-ipv6-next-header = 下一个首部
    .why = 里面是什么：另一个首部，或与 IPv4 相同的协议号
explain-f-ipv6-payload-length = 载荷长度
    .why = 这 40 字节首部之后的长度
explain-f-ipv6-source = 源地址
explain-f-ipv6-version = 版本
explain-f-llc-control = 控制
explain-f-llc-dsap = 目的服务点（DSAP）
explain-f-llc-oui = 组织代码
explain-f-llc-protocol = 协议
explain-f-llc-ssap = 源服务点（SSAP）
explain-f-llc-type = 类型
explain-f-null-family = 地址族
explain-f-tcp-ack = 确认（ACK）
    .why = 确认号有效；除第一段外都置位
explain-f-tcp-acknowledgment = 确认号
    .why = 此前的字节都已收到；下一个想要的是它
explain-f-tcp-ae = 精确拥塞标记（AE）
explain-f-tcp-checksum = 校验和
    .why = 对首部、数据和 IP 地址一起计算，送错地方也能发现（RFC 9293 第 3.1 节）
explain-f-tcp-cwr = 已减速（CWR）
    .why = 发送方已经放慢（RFC 3168）
explain-f-tcp-destination-port = 目的端口
    .why = 给哪个程序：80 是 HTTP，443 是 HTTPS
explain-f-tcp-ece = 拥塞回显（ECE）
    .why = 路上有路由器标记了拥塞（RFC 3168）
explain-f-tcp-fast-open-cookie = 快速打开凭证
    .why = 让 SYN 就能携带数据（RFC 7413）
explain-f-tcp-fin = 结束（FIN）
    .why = 这一方不再发送了
explain-f-tcp-header-length = 首部长度
    .why = 有选项时超过 20 字节
explain-f-tcp-mss = 最大段长（MSS）
    .why = 发送本段的一方一段最多接收多少数据
explain-f-tcp-option = 选项
    .why = 种类、长度、值；NOP 只是填充（RFC 9293 第 3.2 节）
explain-f-tcp-option-data = 数据
explain-f-tcp-option-kind = 种类
explain-f-tcp-option-length = 长度
explain-f-tcp-option-padding = 填充
explain-f-tcp-psh = 推送（PSH）
    .why = 发送方暂时没有更多：请交给程序
explain-f-tcp-reserved = 保留位
explain-f-tcp-rst = 复位（RST）
    .why = 没有这个连接，或立即中断
explain-f-tcp-sack-from = 起
    .why = 前面有缺失、但已收到的字节（RFC 2018）
explain-f-tcp-sack-to = 止
explain-f-tcp-sequence = 序号
    .why = 本段第一个字节的编号：数的是字节，不是包（RFC 9293 第 3.4 节）
explain-f-tcp-source-port = 源端口
    .why = 哪个程序发的；主动连接的一方由系统分配空闲端口
explain-f-tcp-syn = 同步（SYN）
    .why = 打开连接，并给出起始序号
explain-f-tcp-timestamp = 时间戳
    .why = 发送方的时钟，用来测往返时间（RFC 7323）
explain-f-tcp-timestamp-echo = 回显
explain-f-tcp-urg = 紧急（URG）
    .why = 紧急指针有效
explain-f-tcp-urgent = 紧急指针
explain-f-tcp-user-timeout = 用户超时
explain-f-tcp-window = 窗口
    .why = 发送本段的一方还能接收多少字节；要乘以 SYN 中的窗口扩大因子（RFC 7323）
explain-f-tcp-window-shift = 移位
    .why = 窗口以 2 的这个次方为单位（RFC 7323）
explain-f-tls-alert = 警报
    .why = 连接为什么结束（RFC 8446 第 6 节）
explain-f-tls-alert-level = 级别
explain-f-tls-alpn = 应用协议（ALPN）
    .why = 里面要说什么协议：h2 是 HTTP/2（RFC 7301）
explain-f-tls-alpn-length = 协议名长度
explain-f-tls-certificate = 证书
    .why = 服务器说自己是谁，由谁担保
explain-f-tls-certificate-issuer = 签发者
explain-f-tls-certificate-length = 长度
explain-f-tls-certificate-names = 名字
explain-f-tls-certificate-subject = 主体
explain-f-tls-certificate-until = 有效期至
explain-f-tls-certificates-length = 证书总长度
explain-f-tls-change-cipher-spec = 切换加密
    .why = 此后是密文；在 TLS 1.3 里只是做样子
explain-f-tls-cipher-suite = 密码套件
explain-f-tls-cipher-suites = 密码套件
    .why = 客户端会的加密方式，最想用的在前；服务器选一个
explain-f-tls-cipher-suites-length = 套件长度
explain-f-tls-compression-method = 压缩方式
explain-f-tls-compression-methods-length = 压缩方式长度
explain-f-tls-content-type = 内容种类
    .why = 这条记录装的是什么（RFC 8446 第 5.1 节）
explain-f-tls-encrypted = 密文
    .why = 只有两端能读
explain-f-tls-extension = 扩展
    .why = TLS 自 1999 年以来的新功能都在这里（RFC 8446 第 4.2 节）
explain-f-tls-extension-data = 数据
explain-f-tls-extension-length = 长度
explain-f-tls-extension-type = 类型
explain-f-tls-extensions-length = 扩展长度
explain-f-tls-group = 曲线或群
explain-f-tls-handshake = 握手消息
explain-f-tls-handshake-data = 数据
explain-f-tls-handshake-length = 长度
explain-f-tls-handshake-type = 类型
explain-f-tls-key-share = 密钥份额
    .why = 密钥协商的一半：两半合起来才是密钥
explain-f-tls-key-share-group = 群
explain-f-tls-key-share-key = 公钥
explain-f-tls-key-share-length = 长度
explain-f-tls-list-length = 列表长度
explain-f-tls-random = 随机数
    .why = 让每次连接的密钥都不同
explain-f-tls-record-length = 长度
explain-f-tls-record-version = 记录版本
    .why = 给路上的老设备看的；TLS 1.3 在这里写 1.2（RFC 8446 第 5.1 节）
explain-f-tls-server-name = 服务器名（SNI）
    .why = 想访问哪个网站，一个地址可以有很多；路上谁都能看到（RFC 6066 第 3 节）
explain-f-tls-server-name-length = 名字长度
explain-f-tls-server-name-type = 名字类型
explain-f-tls-session-id = 会话标识
explain-f-tls-session-id-length = 会话标识长度
explain-f-tls-signature-scheme = 签名算法
explain-f-tls-supported-version = 版本
explain-f-tls-version = 版本
    .why = TLS 1.2 及更早的版本；更新的写在 supported_versions 里
explain-f-udp-checksum = 校验和
    .why = 对首部、数据和 IP 地址一起计算；在 IPv4 上 0 表示没有
explain-f-udp-destination-port = 目的端口
    .why = 给哪个程序：53 是 DNS，67 是 DHCP
explain-f-udp-length = 长度
    .why = 首部加数据（RFC 768）
explain-f-udp-source-port = 源端口
    .why = 哪个程序发的，以便回答
explain-f-vlan-drop-eligible = 可丢弃（DEI）
explain-f-vlan-id = VLAN 编号
    .why = 同一根线上的哪个网络（IEEE 802.1Q）
explain-f-vlan-length = 长度
explain-f-vlan-priority = 优先级
explain-f-vlan-type = 类型
