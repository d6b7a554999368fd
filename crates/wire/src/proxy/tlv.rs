//! The TLVs of version 2 (section 2.2.1 to 2.2.6): those that are read, and the checksum.

use super::TooLong;

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;

/// The longest unique id, in bytes (section 2.2.5).
const UNIQUE_ID_MAX: usize = 128;

const CASTAGNOLI: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// What a header of version 2 says beyond addresses. Other TLVs are skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs {
    /// The protocol agreed by ALPN (0x01): `h2`.
    pub alpn: Option<Vec<u8>>,
    /// The host name the client asked for (0x02), as by SNI.
    pub authority: Option<String>,
    /// The relay's name for the connection (0x05), at most 128 bytes.
    pub unique_id: Option<Vec<u8>>,
    /// How the client reached the relay by TLS (0x20).
    pub ssl: Option<Ssl>,
    /// Whether a CRC32c (0x03) is to be written; of a header that was read, whether there was one. It fitted.
    pub checksum: bool,
}

/// How the client reached the relay by TLS (section 2.2.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssl {
    /// The bits of `PP2_CLIENT_`: 1 TLS, 2 a certificate on this connection, 4 one in this TLS session.
    pub client: u8,
    /// 0 if the client showed a certificate and it was found good.
    pub verify: u32,
    /// The version: `TLSv1.3`.
    pub version: Option<String>,
    /// The common name in the client's certificate.
    pub common_name: Option<String>,
}

impl Ssl {
    /// Whether the client showed a certificate that the relay found good.
    pub const fn is_verified(&self) -> bool {
        self.client & 0b110 != 0 && self.verify == 0
    }
}

impl Tlvs {
    /// Reads the TLVs of the whole header `all`. `None`: its checksum does not fit.
    pub(super) fn read(mut bytes: &[u8], all: &[u8]) -> Result<Option<Self>, &'static str> {
        let mut tlvs = Self::default();
        while !bytes.is_empty() {
            let at = all.len() - bytes.len();
            let (kind, value) = take(&mut bytes)?;
            match kind {
                ALPN => once(&mut tlvs.alpn, value.to_vec())?,
                AUTHORITY => once(&mut tlvs.authority, text(value)?)?,
                UNIQUE_ID if value.len() > UNIQUE_ID_MAX => {
                    return Err("unique-id-length");
                }
                UNIQUE_ID => once(&mut tlvs.unique_id, value.to_vec())?,
                SSL => once(&mut tlvs.ssl, ssl(value)?)?,
                CRC32C if tlvs.checksum => return Err("repeated-tlv"),
                CRC32C => {
                    let given = <[u8; 4]>::try_from(value).map_err(|_| "checksum-length")?;
                    if u32::from_be_bytes(given) != checksum(all, at + 3) {
                        return Ok(None);
                    }
                    tlvs.checksum = true;
                }
                _ => {}
            }
        }
        Ok(Some(tlvs))
    }
}

/// Takes the first TLV off.
fn take<'a>(bytes: &mut &'a [u8]) -> Result<(u8, &'a [u8]), &'static str> {
    let [kind, high, low, rest @ ..] = *bytes else { return Err("tlv-cut") };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, rest) = rest.split_at_checked(length).ok_or("tlv-length")?;
    *bytes = rest;
    Ok((*kind, value))
}

fn ssl(value: &[u8]) -> Result<Ssl, &'static str> {
    let [client, a, b, c, d, rest @ ..] = value else { return Err("ssl-tlv-cut") };
    let mut rest = rest;
    let mut ssl = Ssl { client: *client, verify: u32::from_be_bytes([*a, *b, *c, *d]), ..Ssl::default() };
    while !rest.is_empty() {
        let (kind, value) = take(&mut rest)?;
        match kind {
            SSL_VERSION => once(&mut ssl.version, text(value)?)?,
            SSL_CN => once(&mut ssl.common_name, text(value)?)?,
            _ => {}
        }
    }
    Ok(ssl)
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err("repeated-tlv"),
    }
}

fn text(value: &[u8]) -> Result<String, &'static str> {
    String::from_utf8(value.to_vec()).map_err(|_| "tlv-not-utf-8")
}

/// The CRC32c of the header with the four bytes of its checksum taken for zero (section 2.2.3).
fn checksum(header: &[u8], at: usize) -> u32 {
    let mut digest = CASTAGNOLI.digest();
    digest.update(&header[..at]);
    digest.update(&[0; 4]);
    digest.update(&header[at + 4..]);
    digest.finalize()
}

/// Appends the TLVs; the checksum last, as zero, for [`seal`].
pub(super) fn write(tlvs: &Tlvs, out: &mut Vec<u8>) -> Result<(), TooLong> {
    if let Some(alpn) = &tlvs.alpn {
        append(ALPN, alpn, out)?;
    }
    if let Some(authority) = &tlvs.authority {
        append(AUTHORITY, authority.as_bytes(), out)?;
    }
    if let Some(id) = &tlvs.unique_id {
        append(UNIQUE_ID, if id.len() <= UNIQUE_ID_MAX { id } else { return Err(TooLong) }, out)?;
    }
    if let Some(ssl) = &tlvs.ssl {
        let mut value = vec![ssl.client];
        value.extend_from_slice(&ssl.verify.to_be_bytes());
        for (kind, text) in [(SSL_VERSION, &ssl.version), (SSL_CN, &ssl.common_name)] {
            if let Some(text) = text {
                append(kind, text.as_bytes(), &mut value)?;
            }
        }
        append(SSL, &value, out)?;
    }
    if tlvs.checksum {
        append(CRC32C, &[0; 4], out)?;
    }
    Ok(())
}

fn append(kind: u8, value: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
    let length = u16::try_from(value.len()).map_err(|_| TooLong)?;
    out.push(kind);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Fills in the checksum, which is the last thing in the header.
pub(super) fn seal(header: &mut [u8]) {
    if let Some(at) = header.len().checked_sub(4) {
        let sum = checksum(header, at).to_be_bytes();
        header[at..].copy_from_slice(&sum);
    }
}
