//! Style, script and icon, served from the binary.
//!
//! The address of each holds a digest of its content, so that a browser may keep it for good and still gets another
//! one the moment that a new version of the program has another one.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// How many bytes of the digest stand in an address: enough to tell versions of one file apart.
const DIGEST_BYTES: usize = 8;

/// A browser may keep it for a year, which is as long as it gets, without asking again.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// The style of all pages.
pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css")));

/// What makes the pages more comfortable; they work without it.
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("desk", "js", "text/javascript; charset=utf-8", include_str!("assets/desk.js"))
});

/// The icon in a browser's tab.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// A file of the pages.
#[derive(Debug)]
pub(crate) struct Asset {
    name: String,
    media_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, content: &'static str) -> Self {
        let digest = hex::encode(&Sha256::digest(content)[..DIGEST_BYTES]);
        Self { name: format!("{stem}-{digest}.{ending}"), media_type, content }
    }

    /// Where it is served.
    pub(crate) fn address(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// `GET /assets/{name}`
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "There is no such file; reload the page that asks for it.\n")
            .into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(FOR_GOOD)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_served_for_good_under_the_digest_of_its_content() {
        for asset in [&STYLE, &SCRIPT, &ICON] {
            let name = asset.address().strip_prefix("/assets/").unwrap().to_owned();
            let response = serve(Path(name)).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[header::CONTENT_TYPE], asset.media_type);
            assert_eq!(response.headers()[header::CACHE_CONTROL], FOR_GOOD);
        }
        assert_eq!(serve(Path("style-0000000000000000.css".into())).await.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn another_content_has_another_address() {
        let address = |content| Asset::new("style", "css", "text/css", content).address();
        assert_eq!(address("a"), address("a"));
        assert_ne!(address("a"), address("b"));
    }
}
