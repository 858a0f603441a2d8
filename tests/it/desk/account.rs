//! The first account, and one's own.

use super::{Desk, read, setup_key};
use crate::support::{Server, on_both_databases};

const PASSWORD: &str = "correct horse battery";

on_both_databases! {
    async fn the_first_set_up_says_what_is_wrong_with_name_and_password(server: Server) {
        let key = setup_key(&server).await;
        let outside = Desk::outside(&server);
        assert!(outside.get("/sign-in").await.text.contains("The server has printed an address"));
        let try_it = async |name: &str, password: &str, again: &str| {
            let fields = [("key", &*key), ("name", name), ("password", password), ("again", again)];
            outside.post("/setup", &fields).await
        };
        let refused = try_it("Olga", "short", "short").await;
        assert_eq!(refused.status, 400);
        let text = &refused.text;
        assert!(text.contains("is too short") && text.contains("is not a user name"), "{text}");
        assert!(try_it("olga", PASSWORD, "correct horse").await.text.contains("The two passwords differ"));
        let created = try_it("olga", PASSWORD, PASSWORD).await;
        assert_eq!((created.status, created.header("location")), (303, "/"), "{}", created.text);
        let olga = Desk::signed_in(&server, "olga", PASSWORD).await;
        assert!(read(&olga.page("/").await).contains("olga admin"));
        assert!(!outside.get("/sign-in").await.text.contains("The server has printed"));
        assert_eq!(try_it("eve", PASSWORD, PASSWORD).await.status, 404);
    }

    async fn one_changes_ones_own_password_with_the_present_one(server: Server) {
        let present = super::add_user(&server, "olga", "viewer");
        let olga = Desk::signed_in(&server, "olga", &present).await;
        let change = async |current: &str, password: &str, again: &str| {
            let fields = [("current", current), ("password", password), ("again", again)];
            olga.post("/account/password", &fields).await
        };
        assert!(change(&present, PASSWORD, "other").await.text.contains("The two passwords differ"));
        assert!(change("x", PASSWORD, PASSWORD).await.text.contains("This is not your present password"));
        let changed = change(&present, PASSWORD, PASSWORD).await;
        assert_eq!((changed.status, changed.header("location")), (303, "/sign-in"), "{}", changed.text);
        assert_eq!(olga.get("/").await.status, 303);
        Desk::signed_in(&server, "olga", PASSWORD).await;
    }
}
