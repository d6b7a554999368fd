" Conversation files of sockeye (docs/skt.md). A test holds the words here to those of the parser.
if exists("b:current_syntax")
  finish
endif

syntax iskeyword @,48-57,_,-,192-255

syntax match sktName /\v^\s*\zs[[:alpha:]_][[:alnum:]_-]*\ze\s+([<>]|connect>|close>|fin>|reset>|starttls>|sleep>)/
syntax keyword sktStep connect close fin reset starttls sleep repeat end every
syntax keyword sktLine peer include listen
syntax keyword sktModifier within after as like
syntax keyword sktPart any len json bytes text file hex b64
syntax keyword sktType u8 u16be u16le u24be u24le u32be u32le u64be u64le
syntax keyword sktType i8 i16be i16le i24be i24le i32be i32le i64be i64le
syntax keyword sktType f32be f32le f64be f64le varint
syntax match sktType /\v<ascii(1[0-9]|[1-9])>/
syntax keyword sktSum crc16-modbus crc32 crc32-le sha256 sum8
syntax match sktArrow />/
syntax match sktArrow /\v\<(never>|eof>|reset>|\~|\?)?/
syntax match sktWild /??/
syntax match sktSetting /\v^\s*\@(frame|enc|timeout|settle|seed|var|ignore)>/
syntax match sktNumber /\v<-?(0x\x+|\d+(\.\d+)?)(ms|s|m|h)?>/
syntax match sktHex /\v<(hex|b64):[0-9A-Za-z?*+\/=_-]+/
syntax region sktHex start=/\v<(hex|b64):"/ end=/"/ oneline
syntax match sktVariable /{{[^}]*}}/
syntax match sktEscape /\v\\([nrt0\\"{]|x\x\x|u\{\x{1,6}\})/ contained
syntax region sktText start=/"/ skip=/\\./ end=/"/ oneline contains=sktEscape,sktVariable
syntax region sktRegex start=+\%(^\|\s\|<\)\@<=/+ skip=+\\.+ end=+/[imsxb]*+ oneline
syntax match sktJoin /\\$/
syntax match sktComment /\v(^|\s)\zs#.*$/

highlight default link sktName Identifier
highlight default link sktStep Statement
highlight default link sktLine Statement
highlight default link sktModifier Keyword
highlight default link sktPart Type
highlight default link sktType Type
highlight default link sktSum Function
highlight default link sktArrow Operator
highlight default link sktWild Special
highlight default link sktSetting PreProc
highlight default link sktNumber Number
highlight default link sktHex Number
highlight default link sktVariable Identifier
highlight default link sktEscape SpecialChar
highlight default link sktText String
highlight default link sktRegex String
highlight default link sktJoin Special
highlight default link sktComment Comment

let b:current_syntax = "skt"
