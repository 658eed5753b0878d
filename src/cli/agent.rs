//! Signatures by an SSH key: one in a file, or one that the agent holds. May import: everything.
//!
//! The agent's protocol is draft-ietf-sshm-ssh-agent: messages of a length, a kind and strings,
//! of which one is needed here.

#![expect(
    clippy::disallowed_methods,
    reason = "the key is a file, the agent a socket that the environment names"
)]

use super::failure::Failure;
use super::files;
use rsa::signature::{SignatureEncoding, Signer};
use ssh_key::private::KeypairData;
use ssh_key::{Algorithm, HashAlg, LineEnding, Mpint, PrivateKey, PublicKey, Signature, SshSig};
use std::path::Path;

/// Largest key that is read, in bytes.
const MAX_KEY: u64 = 256 << 10;

/// Signs a message, as `ssh-keygen -Y sign -n NAMESPACE` does; gives the public key and the
/// signature in PEM.
///
/// # Errors
/// A key that cannot be read or used, with what to do instead.
pub fn sign(path: &Path, namespace: &str, message: &[u8]) -> Result<(PublicKey, String), Failure> {
    let shown = files::shown(path);
    let bytes = files::read_regular(path, MAX_KEY)
        .map_err(|why| Failure::usage(format!("cannot read the key {shown}: {why}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{shown} is no SSH key")))?;
    let signature = if text.trim_start().starts_with("-----BEGIN") {
        let key = private(&shown, &text)?;
        let signed = with(&key, namespace, message).map_err(|why| unusable(&shown, &why));
        let verified = signed.and_then(|signed| match key.public_key().verify(namespace, message, &signed) {
            Ok(()) => Ok(signed),
            Err(_) => Err(unusable(&shown, "its signature does not verify")),
        });
        verified?
    } else {
        let key = PublicKey::from_openssh(text.trim()).map_err(|_| {
            Failure::usage(format!("{shown} is no SSH key")).hint(
                "give a private key as ssh-keygen writes it, or its .pub file if an agent holds the key",
            )
        })?;
        by_agent(&shown, &key, namespace, message)?
    };
    let pem = signature
        .to_pem(LineEnding::LF)
        .map_err(|error| Failure::bug(format!("a signature cannot be written: {error}")))?;
    Ok((PublicKey::from(signature.public_key().clone()), pem))
}

fn private(shown: &str, text: &str) -> Result<PrivateKey, Failure> {
    let key = PrivateKey::from_openssh(text).map_err(|_| {
        Failure::usage(format!("{shown} is no private key in OpenSSH's format"))
            .hint("ssh-keygen writes it; `ssh-keygen -p -f KEY` turns an older format into it")
    })?;
    if key.is_encrypted() {
        return Err(Failure::usage(format!("{shown} is protected by a passphrase, which is not asked for here"))
            .hint(format!("add it to the agent (ssh-add {shown}) and give its public key: --key {shown}.pub"))
            .hint("or sign with ssh-keygen: luascale show PLAN --changes-digest | ssh-keygen -Y sign -n luascale -f KEY > PLAN.approvals/NAME.sig"));
    }
    Ok(key)
}

/// Signs with a key at hand. RSA keys are handed to `rsa` here: ssh-key 0.6 gives it one prime
/// twice, with which nothing can be signed.
fn with(key: &PrivateKey, namespace: &str, message: &[u8]) -> Result<SshSig, String> {
    let KeypairData::Rsa(pair) = key.key_data() else {
        return key.sign(namespace, HashAlg::Sha512, message).map_err(|error| error.to_string());
    };
    let number = |mpint: &Mpint| {
        let bytes =
            mpint.as_positive_bytes().ok_or_else(|| "its numbers are not those of a key".to_owned())?;
        Ok::<_, String>(rsa::BigUint::from_bytes_be(bytes))
    };
    let primes = vec![number(&pair.private.p)?, number(&pair.private.q)?];
    let (n, e, d) = (number(&pair.public.n)?, number(&pair.public.e)?, number(&pair.private.d)?);
    if n.bits() < 2048 {
        return Err(format!("it has {} bits", n.bits()));
    }
    let own = rsa::RsaPrivateKey::from_components(n, e, d, primes).map_err(|error| error.to_string())?;
    own.validate().map_err(|error| error.to_string())?;
    let signer = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha512>::new(own);
    let text = |error: ssh_key::Error| error.to_string();
    let data = SshSig::signed_data(namespace, HashAlg::Sha512, message).map_err(text)?;
    let bytes = signer.try_sign(&data).map_err(|error| error.to_string())?.to_vec();
    let algorithm = Algorithm::Rsa { hash: Some(HashAlg::Sha512) };
    let signature = Signature::new(algorithm, bytes).map_err(text)?;
    SshSig::new(key.public_key().key_data().clone(), namespace, HashAlg::Sha512, signature).map_err(text)
}

fn unusable(shown: &str, why: &str) -> Failure {
    Failure::usage(format!("{shown} cannot sign: {why}"))
        .hint("Ed25519, ECDSA on P-256 and RSA of 2048 bits and more can")
        .hint(format!("or let the agent sign: ssh-add {shown}, then --key {shown}.pub"))
}

#[cfg(not(unix))]
fn by_agent(shown: &str, _: &PublicKey, _: &str, _: &[u8]) -> Result<SshSig, Failure> {
    Err(Failure::usage(format!("{shown} is a public key, and no agent is asked on this system"))
        .hint("give the private key"))
}

#[cfg(unix)]
fn by_agent(shown: &str, key: &PublicKey, namespace: &str, message: &[u8]) -> Result<SshSig, Failure> {
    let Some(socket) = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()) else {
        return Err(Failure::usage(format!(
            "{shown} is a public key, and no agent runs that holds its private key"
        ))
        .hint("start one (eval $(ssh-agent); ssh-add KEY), or give the private key"));
    };
    let failed =
        |why: String| Failure::environment(format!("the SSH agent did not sign with {shown}: {why}"));
    let data = SshSig::signed_data(namespace, HashAlg::Sha512, message).map_err(|e| failed(e.to_string()))?;
    let blob = key.to_bytes().map_err(|e| failed(e.to_string()))?;
    let answer = unix::ask(Path::new(&socket), &blob, &data).map_err(failed)?;
    let signature = Signature::try_from(answer.as_slice()).map_err(|e| failed(e.to_string()))?;
    let signed = SshSig::new(key.key_data().clone(), namespace, HashAlg::Sha512, signature);
    let signed = signed.map_err(|e| failed(e.to_string()))?;
    match key.verify(namespace, message, &signed) {
        Ok(()) => Ok(signed),
        Err(_) => Err(failed("what it answered is no signature of this key over these changes".into())),
    }
}

#[cfg(unix)]
mod unix {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::time::Duration;

    const SIGN_REQUEST: u8 = 13;
    const SIGN_RESPONSE: u8 = 14;

    /// With RSA: sign by SHA-512, for SHA-1 counts nowhere any more.
    const RSA_SHA2_512: u32 = 4;

    /// An agent may ask its user first.
    const PATIENCE: Duration = Duration::from_secs(120);

    /// Largest answer, in bytes.
    const MOST: u32 = 256 << 10;

    /// Has the agent sign; gives the signature's blob.
    pub fn ask(socket: &Path, key: &[u8], data: &[u8]) -> Result<Vec<u8>, String> {
        let said = |error: std::io::Error| error.to_string();
        let mut stream = UnixStream::connect(socket).map_err(said)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(said)?;
        let mut body = vec![SIGN_REQUEST];
        for part in [key, data] {
            body.extend(length(part)?);
            body.extend_from_slice(part);
        }
        body.extend(RSA_SHA2_512.to_be_bytes());
        let mut request = length(&body)?.to_vec();
        request.extend(body);
        stream.write_all(&request).map_err(said)?;
        let mut head = [0u8; 4];
        stream.read_exact(&mut head).map_err(said)?;
        let size = u32::from_be_bytes(head);
        if size > MOST {
            return Err("its answer is too long".into());
        }
        let mut answer = vec![0u8; size as usize];
        stream.read_exact(&mut answer).map_err(said)?;
        let refused = || "it does not hold the key, or its user refused".to_owned();
        let (kind, rest) = answer.split_first().ok_or_else(refused)?;
        if *kind != SIGN_RESPONSE {
            return Err(refused());
        }
        let (_, blob) = rest.split_at_checked(4).ok_or_else(refused)?;
        Ok(blob.to_vec())
    }

    fn length(part: &[u8]) -> Result<[u8; 4], String> {
        u32::try_from(part.len()).map(u32::to_be_bytes).map_err(|_| "the message is too long".to_owned())
    }
}
