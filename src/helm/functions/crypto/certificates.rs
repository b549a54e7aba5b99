//! X.509 certificates as `crypto/x509.CreateCertificate` makes them of sprig's wishes.

use core::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use p256::pkcs8::{AssociatedOid, ObjectIdentifier};
use sec1::der::asn1::{BitString, GeneralizedTime, Ia5String, OctetString, SetOfVec, UtcTime};
use sec1::der::{Any, Decode, Encode, Tag};
use sha2::{Digest as _, Sha256};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate, Version};

use super::super::Call;
use super::keys::PrivateKey;
use super::{given_or_new, pem};
use crate::helm::go::convert::downcast;
use crate::helm::go::{printf, quote::quote};
use crate::helm::limits::Limits;
use crate::helm::template::GoResult;
use crate::helm::value::{Object, Value};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// A day in nanoseconds, Go's unit of time.
const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// sprig's `certificate`: a certificate and its key, both as PEM.
pub struct Pair {
    cert: String,
    key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the key.
        f.debug_struct("Pair").field("cert", &self.cert).finish_non_exhaustive()
    }
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(self.cert.as_str().into()),
            "Key" => Some(self.key.as_str().into()),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn json(&self) -> Value {
        Value::map([("Cert", self.cert.as_str().into()), ("Key", self.key.as_str().into())])
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// What a certificate shall say.
#[derive(Debug, Default)]
struct Wish {
    name: String,
    addresses: Vec<IpAddr>,
    names: Vec<String>,
    days: i64,
    /// Whether it may sign others.
    authority: bool,
    /// Seconds since 1970.
    now: i64,
    /// 128 bits.
    serial: [u8; 16],
}

/// Who signs: its certificate and its key.
struct Signer<'a> {
    certificate: &'a TbsCertificate,
    key: &'a PrivateKey,
}

/// `genCA NAME DAYS`, `genCAWithKey NAME DAYS KEY`.
pub fn authority(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let key = given_or_new(call, 2)?;
    let (name, days) = (call.text(0).to_owned(), call.int(1));
    let wish = Wish { name, days, authority: true, ..made_up(call) };
    finish(&wish, &key, None)
}

/// `genSelfSignedCert NAME IPS NAMES DAYS`, and with a key.
pub fn self_signed(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let key = given_or_new(call, 4)?;
    let wish = wish(call)?;
    finish(&wish, &key, None)
}

/// `genSignedCert NAME IPS NAMES DAYS CA`, and with a key.
pub fn signed(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let key = given_or_new(call, 5)?;
    let Some((cert, ca_key)) = downcast::<Pair>(call.value(4)).map(|ca| (ca.cert.clone(), ca.key.clone()))
    else {
        return Err("unable to decode certificate".into());
    };
    let certificate = parse(&cert, "decodedSignerCert")?;
    let ca_key = PrivateKey::parse(&ca_key).map_err(|error| format!("error parsing private key: {error}"))?;
    let wish = wish(call)?;
    finish(&wish, &key, Some(&Signer { certificate: &certificate.tbs_certificate, key: &ca_key }))
}

/// `buildCustomCert CERT KEY`, both in base64.
pub fn from_texts(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let read = |index: usize, what: &str| {
        super::base64(call.text(index)).ok_or_else(|| format!("unable to decode base64 {what}"))
    };
    let text = |bytes: Vec<u8>| crate::helm::go::text::from_bytes(bytes);
    let cert = text(read(0, "certificate")?);
    let key = text(read(1, "private key")?);
    parse(&cert, "decodedCert")?;
    PrivateKey::parse(&key).map_err(|error| format!("error parsing private key: {error}"))?;
    Ok(Value::Object(Rc::new(Pair { cert, key })))
}

fn parse(text: &str, what: &str) -> Result<Certificate, String> {
    let block = pem::decode(text).ok_or("unable to decode certificate")?;
    Certificate::from_der(&block.bytes)
        .map_err(|error| format!("error parsing certificate: {what}.Bytes: {error}"))
}

/// What the seed and the clock say.
fn made_up(call: &mut Call<'_, '_>) -> Wish {
    let mut serial = [0; 16];
    call.random().fill(&mut serial);
    Wish { serial, now: call.exec.env.now.as_second(), ..Wish::default() }
}

fn wish(call: &mut Call<'_, '_>) -> GoResult<Wish> {
    let limits = call.limits();
    let addresses = each(call.value(1), |value| match value {
        Value::Str(text) => text.parse().map_err(|_| format!("error parsing ip: {text}")),
        other => Err(format!("error parsing ip: {} is not a string", shown(other, &limits))),
    })?;
    let names = each(call.value(2), |value| match value {
        Value::Str(text) => Ok(text.as_ref().to_owned()),
        other => {
            Err(format!("error processing alternate dns name: {} is not a string", shown(other, &limits)))
        }
    })?;
    let (name, days) = (call.text(0).to_owned(), call.int(3));
    Ok(Wish { name, addresses, names, days, ..made_up(call) })
}

fn each<T>(list: &Value, read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    match list {
        Value::List(list) => list.values().map(read).collect(),
        _ => Ok(Vec::new()),
    }
}

fn shown(value: &Value, limits: &Limits) -> String {
    printf::show(value, limits).unwrap_or_default()
}

fn finish(wish: &Wish, key: &PrivateKey, signer: Option<&Signer<'_>>) -> GoResult<Value> {
    let der = issue(wish, key, signer).map_err(|error| format!("error creating certificate: {error}"))?;
    Ok(Value::Object(Rc::new(Pair { cert: pem::encode("CERTIFICATE", &der), key: key.to_pem() })))
}

/// The certificate in DER, signed by another or by itself.
fn issue(wish: &Wish, key: &PrivateKey, signer: Option<&Signer<'_>>) -> Result<Vec<u8>, String> {
    let signing_key = signer.map_or(key, |signer| signer.key);
    let signature = signing_key.algorithm()?;
    let public = key.public()?;
    let der = |error: sec1::der::Error| error.to_string();
    let subject = subject(&wish.name).map_err(der)?;
    let issuer = signer.map_or_else(|| subject.clone(), |signer| signer.certificate.subject.clone());
    if let Some(signer) = signer
        && signer.certificate.subject_public_key_info != signer.key.public()?
    {
        return Err("x509: provided PrivateKey doesn't match parent's PublicKey".to_owned());
    }
    if let Some(name) = wish.names.iter().find(|name| !name.is_ascii()) {
        return Err(format!("x509: {} cannot be encoded as an IA5String", quote(name)));
    }
    let authority_id = signer.filter(|_| issuer != subject).and_then(|signer| key_id(signer.certificate));
    let tbs = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&wish.serial).map_err(der)?,
        signature: signature.clone(),
        issuer,
        validity: validity(wish).map_err(der)?,
        extensions: Some(extensions(wish, public.subject_public_key.raw_bytes(), authority_id).map_err(der)?),
        subject,
        subject_public_key_info: public,
        issuer_unique_id: None,
        subject_unique_id: None,
    };
    let bytes = signing_key.sign(&tbs.to_der().map_err(der)?)?;
    let signed = Certificate {
        tbs_certificate: tbs,
        signature_algorithm: signature,
        signature: BitString::from_bytes(&bytes).map_err(der)?,
    };
    signed.to_der().map_err(der)
}

/// The subject's key id that a certificate has.
fn key_id(certificate: &TbsCertificate) -> Option<OctetString> {
    let (_, id) = certificate.get::<SubjectKeyIdentifier>().ok().flatten()?;
    Some(id.0).filter(|id| !id.as_bytes().is_empty())
}

/// Go's `pkix.Name` with a common name alone; of an empty one nothing is left.
fn subject(name: &str) -> sec1::der::Result<Name> {
    if name.is_empty() {
        return Ok(RdnSequence::default());
    }
    let printable = name.chars().all(|c| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c));
    let tag = if printable { Tag::PrintableString } else { Tag::Utf8String };
    let value = Any::new(tag, name.as_bytes())?;
    let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid: COMMON_NAME, value }])?;
    Ok(RdnSequence(vec![RelativeDistinguishedName(set)]))
}

fn validity(wish: &Wish) -> sec1::der::Result<Validity> {
    // Go's durations wrap around.
    let after = wish.now + wish.days.wrapping_mul(DAY).div_euclid(1_000_000_000);
    Ok(Validity { not_before: time(wish.now)?, not_after: time(after)? })
}

fn time(seconds: i64) -> sec1::der::Result<Time> {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    match UtcTime::from_unix_duration(since) {
        Ok(time) => Ok(Time::UtcTime(time)),
        // From 2050 on.
        Err(_) => GeneralizedTime::from_unix_duration(since).map(Time::GeneralTime),
    }
}

/// The extensions in the order of Go's `buildCertExtensions`.
fn extensions(
    wish: &Wish,
    public_key: &[u8],
    authority_id: Option<OctetString>,
) -> sec1::der::Result<Vec<Extension>> {
    fn extension<E: AssociatedOid + Encode>(critical: bool, content: &E) -> sec1::der::Result<Extension> {
        Ok(Extension { extn_id: E::OID, critical, extn_value: OctetString::new(content.to_der()?)? })
    }
    let mut usages = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment;
    if wish.authority {
        usages |= KeyUsages::KeyCertSign;
    }
    let mut all = vec![
        extension(true, &KeyUsage(usages))?,
        extension(false, &ExtendedKeyUsage(vec![SERVER_AUTH, CLIENT_AUTH]))?,
        extension(true, &BasicConstraints { ca: wish.authority, path_len_constraint: None })?,
    ];
    if wish.authority {
        // RFC 7093, section 2, the first method.
        let digest = Sha256::digest(public_key);
        all.push(extension(false, &SubjectKeyIdentifier(OctetString::new(&digest[..20])?))?);
    }
    if authority_id.is_some() {
        let id = AuthorityKeyIdentifier { key_identifier: authority_id, ..AuthorityKeyIdentifier::default() };
        all.push(extension(false, &id)?);
    }
    let mut names = Vec::with_capacity(wish.names.len() + wish.addresses.len());
    for name in &wish.names {
        names.push(GeneralName::DnsName(Ia5String::new(name)?));
    }
    for address in &wish.addresses {
        names.push(GeneralName::IpAddress(octets(*address)?));
    }
    if !names.is_empty() {
        all.push(extension(wish.name.is_empty(), &SubjectAltName(names))?);
    }
    Ok(all)
}

/// Four bytes where an address is one of IPv4, in whichever form.
fn octets(address: IpAddr) -> sec1::der::Result<OctetString> {
    match address {
        IpAddr::V4(four) => OctetString::new(four.octets()),
        IpAddr::V6(six) => match Ipv6Addr::to_ipv4_mapped(&six) {
            Some(four) => OctetString::new(four.octets()),
            None => OctetString::new(six.octets()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Go made: each part's name, and its text.
    fn recorded(name: &str) -> (Vec<&'static str>, &'static str) {
        let all = include_str!("testdata/certificates.txt");
        let part = all
            .split("-- ")
            .find_map(|part| part.split_once(" --\n").filter(|(head, _)| head.starts_with(name)))
            .unwrap();
        (part.0.split(' ').collect(), part.1)
    }

    fn is_what_go_made(name: &str, key: &PrivateKey, signer: Option<&Signer<'_>>, wish: Wish) {
        let (head, text) = recorded(&format!("{name} "));
        let serial = u128::from_str_radix(head[1], 16).unwrap().to_be_bytes();
        let der = issue(&Wish { serial, now: head[2].parse().unwrap(), ..wish }, key, signer).unwrap();
        assert_eq!(pem::encode("CERTIFICATE", &der), text, "{name}");
    }

    #[test]
    fn certificates_are_byte_for_byte_those_of_go() {
        let key = |name| PrivateKey::parse(recorded(name).1).unwrap();
        let (edwards, rsa) = (key("key of Ed25519"), key("key of RSA"));
        let wish = |name: &str, days| Wish { name: name.to_owned(), days, ..Wish::default() };
        let authority = |name, days| Wish { authority: true, ..wish(name, days) };
        is_what_go_made("ca", &edwards, None, authority("golden authority", 365));
        is_what_go_made("long", &edwards, None, authority("dauer*", 36_500));
        is_what_go_made("rsa", &rsa, None, wish("a b", 30));
        let addresses = ["10.0.0.1", "::ffff:10.0.0.2", "fe80::1"].map(|text| text.parse().unwrap()).to_vec();
        let names = vec!["a.example".to_owned(), "*.b.example".to_owned()];
        is_what_go_made("self", &edwards, None, Wish { addresses, names, ..wish("", 1) });
        let ca = parse(recorded("ca ").1, "ca").unwrap();
        let signer = Signer { certificate: &ca.tbs_certificate, key: &edwards };
        let names = vec!["svc.data".to_owned()];
        is_what_go_made("signed", &edwards, Some(&signer), Wish { names, ..wish("svc", 10) });
    }

    #[test]
    fn a_signer_must_have_the_key_of_its_certificate() {
        let (edwards, rsa) = (recorded("key of Ed25519").1, recorded("key of RSA").1);
        let (edwards, rsa) = (PrivateKey::parse(edwards).unwrap(), PrivateKey::parse(rsa).unwrap());
        let ca = parse(recorded("ca ").1, "ca").unwrap();
        let signer = Signer { certificate: &ca.tbs_certificate, key: &rsa };
        let error = issue(&Wish::default(), &edwards, Some(&signer)).unwrap_err();
        assert_eq!(error, "x509: provided PrivateKey doesn't match parent's PublicKey");
    }

    #[test]
    fn the_debug_form_of_a_pair_does_not_hold_the_key() {
        let pair = Pair { cert: "cert".to_owned(), key: "secret".to_owned() };
        assert!(!format!("{pair:?}").contains("secret"));
    }
}
