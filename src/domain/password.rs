//! Passwords at rest: hashed by Argon2id, with the parameters that OWASP's cheat sheet for password storage names first
//! (19 MiB, 2 rounds, 1 lane), which are the library's own defaults.
//!
//! Hashing takes tens of milliseconds and 19 MiB: whoever calls this from many tasks sees to it that few do at once.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use super::secret::Secret;

/// Bytes of salt: what the PHC string format recommends.
pub const SALT_BYTES: usize = 16;

/// The hash of a password, in the PHC string format. The salt must be fresh random bytes.
///
/// # Panics
/// Never: the parameters are valid, and any password and salt of this length can be hashed.
pub fn hash(password: &Secret, salt: [u8; SALT_BYTES]) -> String {
    let hashed: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .expect("the default parameters are valid");
    hashed.to_string()
}

/// Whether this is the password that was hashed. Takes the same time for an account that is not there.
pub fn matches(password: &Secret, hashed: Option<&str>) -> bool {
    static NOBODYS: LazyLock<String> = LazyLock::new(|| hash(&Secret::new("nobody"), [0; SALT_BYTES]));
    let known = hashed.is_some();
    let Ok(hashed) = PasswordHash::new(hashed.unwrap_or(&NOBODYS)) else { return false };
    Argon2::default().verify_password(password.expose().as_bytes(), &hashed).is_ok() && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let secret = Secret::new("correct horse battery");
        let hashed = hash(&secret, [7; SALT_BYTES]);
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(hashed, hash(&secret, [8; SALT_BYTES]));
        assert!(matches(&secret, Some(&hashed)));
        assert!(!matches(&Secret::new("Correct horse battery"), Some(&hashed)));
        assert!(!matches(&Secret::new("nobody"), None));
        assert!(!matches(&secret, Some("not a hash")));
    }
}
