//! What the numbers of TLS are called (IANA "Transport Layer Security (TLS) Parameters" and "TLS Extensions").

/// Values that mean nothing and keep servers from choking on new ones (RFC 8701).
const fn is_grease(number: u64) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

pub(super) const fn content(number: u64) -> Option<&'static str> {
    match number {
        20 => Some("change-cipher-spec"),
        21 => Some("alert"),
        22 => Some("handshake"),
        23 => Some("application-data"),
        24 => Some("heartbeat"),
        _ => None,
    }
}

pub(super) const fn version(number: u64) -> Option<&'static str> {
    match number {
        0x0300 => Some("SSL 3.0"),
        0x0301 => Some("TLS 1.0"),
        0x0302 => Some("TLS 1.1"),
        0x0303 => Some("TLS 1.2"),
        0x0304 => Some("TLS 1.3"),
        _ if is_grease(number) => Some("GREASE"),
        _ => None,
    }
}

pub(super) const fn handshake(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("HelloRequest"),
        1 => Some("ClientHello"),
        2 => Some("ServerHello"),
        4 => Some("NewSessionTicket"),
        5 => Some("EndOfEarlyData"),
        8 => Some("EncryptedExtensions"),
        11 => Some("Certificate"),
        12 => Some("ServerKeyExchange"),
        13 => Some("CertificateRequest"),
        14 => Some("ServerHelloDone"),
        15 => Some("CertificateVerify"),
        16 => Some("ClientKeyExchange"),
        20 => Some("Finished"),
        22 => Some("CertificateStatus"),
        24 => Some("KeyUpdate"),
        _ => None,
    }
}

pub(super) const fn alert(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("close_notify"),
        10 => Some("unexpected_message"),
        20 => Some("bad_record_mac"),
        22 => Some("record_overflow"),
        40 => Some("handshake_failure"),
        42 => Some("bad_certificate"),
        43 => Some("unsupported_certificate"),
        44 => Some("certificate_revoked"),
        45 => Some("certificate_expired"),
        46 => Some("certificate_unknown"),
        47 => Some("illegal_parameter"),
        48 => Some("unknown_ca"),
        49 => Some("access_denied"),
        50 => Some("decode_error"),
        51 => Some("decrypt_error"),
        70 => Some("protocol_version"),
        71 => Some("insufficient_security"),
        80 => Some("internal_error"),
        86 => Some("inappropriate_fallback"),
        90 => Some("user_canceled"),
        109 => Some("missing_extension"),
        110 => Some("unsupported_extension"),
        112 => Some("unrecognized_name"),
        113 => Some("bad_certificate_status_response"),
        115 => Some("unknown_psk_identity"),
        116 => Some("certificate_required"),
        120 => Some("no_application_protocol"),
        _ => None,
    }
}

pub(super) fn suite(number: u64) -> Option<&'static str> {
    let name = match number {
        0x000a => "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        0x002f => "TLS_RSA_WITH_AES_128_CBC_SHA",
        0x0033 => "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
        0x0035 => "TLS_RSA_WITH_AES_256_CBC_SHA",
        0x0039 => "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
        0x003c => "TLS_RSA_WITH_AES_128_CBC_SHA256",
        0x003d => "TLS_RSA_WITH_AES_256_CBC_SHA256",
        0x0067 => "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
        0x006b => "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
        0x009c => "TLS_RSA_WITH_AES_128_GCM_SHA256",
        0x009d => "TLS_RSA_WITH_AES_256_GCM_SHA384",
        0x009e => "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
        0x009f => "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
        0x00ff => "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0x1304 => "TLS_AES_128_CCM_SHA256",
        0x1305 => "TLS_AES_128_CCM_8_SHA256",
        0x5600 => "TLS_FALLBACK_SCSV",
        0xc009 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        0xc00a => "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        0xc013 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        0xc014 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        0xc023 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        0xc024 => "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
        0xc027 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        0xc028 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xc09c => "TLS_RSA_WITH_AES_128_CCM",
        0xc09d => "TLS_RSA_WITH_AES_256_CCM",
        0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        0xccaa => "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        _ if is_grease(number) => "GREASE",
        _ => return None,
    };
    Some(name)
}

pub(super) fn extension(number: u64) -> Option<&'static str> {
    let name = match number {
        0 => "server_name",
        1 => "max_fragment_length",
        5 => "status_request",
        10 => "supported_groups",
        11 => "ec_point_formats",
        13 => "signature_algorithms",
        14 => "use_srtp",
        15 => "heartbeat",
        16 => "application_layer_protocol_negotiation",
        18 => "signed_certificate_timestamp",
        21 => "padding",
        22 => "encrypt_then_mac",
        23 => "extended_main_secret",
        27 => "compress_certificate",
        28 => "record_size_limit",
        35 => "session_ticket",
        41 => "pre_shared_key",
        42 => "early_data",
        43 => "supported_versions",
        44 => "cookie",
        45 => "psk_key_exchange_modes",
        47 => "certificate_authorities",
        49 => "post_handshake_auth",
        50 => "signature_algorithms_cert",
        51 => "key_share",
        0xfe0d => "encrypted_client_hello",
        0xff01 => "renegotiation_info",
        _ if is_grease(number) => "GREASE",
        _ => return None,
    };
    Some(name)
}

pub(super) fn group(number: u64) -> Option<&'static str> {
    let name = match number {
        23 => "secp256r1",
        24 => "secp384r1",
        25 => "secp521r1",
        29 => "x25519",
        30 => "x448",
        256 => "ffdhe2048",
        257 => "ffdhe3072",
        258 => "ffdhe4096",
        0x0200 => "MLKEM512",
        0x0201 => "MLKEM768",
        0x0202 => "MLKEM1024",
        0x11eb => "SecP256r1MLKEM768",
        0x11ec => "X25519MLKEM768",
        0x11ed => "SecP384r1MLKEM1024",
        _ if is_grease(number) => "GREASE",
        _ => return None,
    };
    Some(name)
}

pub(super) fn scheme(number: u64) -> Option<&'static str> {
    let name = match number {
        0x0201 => "rsa_pkcs1_sha1",
        0x0203 => "ecdsa_sha1",
        0x0401 => "rsa_pkcs1_sha256",
        0x0403 => "ecdsa_secp256r1_sha256",
        0x0501 => "rsa_pkcs1_sha384",
        0x0503 => "ecdsa_secp384r1_sha384",
        0x0601 => "rsa_pkcs1_sha512",
        0x0603 => "ecdsa_secp521r1_sha512",
        0x0804 => "rsa_pss_rsae_sha256",
        0x0805 => "rsa_pss_rsae_sha384",
        0x0806 => "rsa_pss_rsae_sha512",
        0x0807 => "ed25519",
        0x0808 => "ed448",
        0x0809 => "rsa_pss_pss_sha256",
        0x080a => "rsa_pss_pss_sha384",
        0x080b => "rsa_pss_pss_sha512",
        _ if is_grease(number) => "GREASE",
        _ => return None,
    };
    Some(name)
}
