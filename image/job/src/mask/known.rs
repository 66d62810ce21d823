//! What is personal in WordPress's and WooCommerce's own tables, and what opens other doors.

use super::secrets;
use crate::protocol::{Mask, MaskRule, Only};

/// Table, column, what it becomes (WordPress: <https://developer.wordpress.org/apis/database/> and its privacy exporters in
/// `wp-admin/includes/privacy-tools.php`; WooCommerce: `WC_Install::get_schema()` and `WC_Privacy_Erasers`).
const COLUMNS: &[(&str, &str, Mask)] = &[
    ("wp_users", "user_login", Mask::Login),
    ("wp_users", "user_nicename", Mask::Login),
    ("wp_users", "display_name", Mask::Name),
    ("wp_users", "user_email", Mask::Email),
    ("wp_users", "user_pass", Mask::Empty),
    ("wp_users", "user_url", Mask::Empty),
    ("wp_users", "user_activation_key", Mask::Empty),
    ("wp_comments", "comment_author", Mask::Name),
    ("wp_comments", "comment_author_email", Mask::Email),
    ("wp_comments", "comment_author_url", Mask::Empty),
    ("wp_comments", "comment_author_IP", Mask::Ip),
    ("wp_comments", "comment_agent", Mask::Empty),
    ("wp_options", "option_value", Mask::Secrets),
    ("wp_wc_orders", "billing_email", Mask::Email),
    ("wp_wc_orders", "ip_address", Mask::Ip),
    ("wp_wc_orders", "user_agent", Mask::Empty),
    ("wp_wc_orders", "customer_note", Mask::Text),
    ("wp_wc_orders", "transaction_id", Mask::Text),
    ("wp_wc_order_addresses", "first_name", Mask::Name),
    ("wp_wc_order_addresses", "last_name", Mask::Name),
    ("wp_wc_order_addresses", "company", Mask::Text),
    ("wp_wc_order_addresses", "address_1", Mask::Text),
    ("wp_wc_order_addresses", "address_2", Mask::Text),
    ("wp_wc_order_addresses", "city", Mask::Text),
    ("wp_wc_order_addresses", "postcode", Mask::Text),
    ("wp_wc_order_addresses", "email", Mask::Email),
    ("wp_wc_order_addresses", "phone", Mask::Text),
    ("wp_wc_customer_lookup", "username", Mask::Login),
    ("wp_wc_customer_lookup", "first_name", Mask::Name),
    ("wp_wc_customer_lookup", "last_name", Mask::Name),
    ("wp_wc_customer_lookup", "email", Mask::Email),
    ("wp_wc_customer_lookup", "postcode", Mask::Text),
    ("wp_wc_customer_lookup", "city", Mask::Text),
    ("wp_wc_download_log", "user_ip_address", Mask::Ip),
    ("wp_wc_webhooks", "delivery_url", Mask::Empty),
    ("wp_wc_webhooks", "secret", Mask::Empty),
    ("wp_woocommerce_api_keys", "consumer_key", Mask::Text),
    ("wp_woocommerce_api_keys", "consumer_secret", Mask::Text),
    ("wp_woocommerce_api_keys", "truncated_key", Mask::Empty),
    ("wp_woocommerce_payment_tokens", "token", Mask::Text),
    ("wp_woocommerce_payment_tokenmeta", "meta_value", Mask::Text),
    ("wp_woocommerce_sessions", "session_value", Mask::Empty),
    (
        "wp_woocommerce_downloadable_product_permissions",
        "user_email",
        Mask::Email,
    ),
];

/// Beginnings of the keys of customers' addresses, in the metadata of users, of orders that lie among the posts, and of orders.
const ADDRESSES: [(&str, &str); 6] = [
    ("wp_usermeta", "billing_"),
    ("wp_usermeta", "shipping_"),
    ("wp_postmeta", "_billing_"),
    ("wp_postmeta", "_shipping_"),
    ("wp_wc_orders_meta", "_billing_"),
    ("wp_wc_orders_meta", "_shipping_"),
];
/// Ends of these keys; a country or a province alone is nobody.
const ADDRESS: &[(&str, Mask)] = &[
    ("first_name", Mask::Name),
    ("last_name", Mask::Name),
    ("company", Mask::Text),
    ("address_1", Mask::Text),
    ("address_2", Mask::Text),
    ("address_index", Mask::Text),
    ("city", Mask::Text),
    ("postcode", Mask::Text),
    ("phone", Mask::Text),
    ("email", Mask::Email),
];

/// Other metadata: table, key, what it becomes.
const METADATA: &[(&str, &str, Mask)] = &[
    ("wp_usermeta", "first_name", Mask::Name),
    ("wp_usermeta", "last_name", Mask::Name),
    ("wp_usermeta", "nickname", Mask::Name),
    ("wp_usermeta", "description", Mask::Text),
    ("wp_usermeta", "session_tokens", Mask::Empty),
    ("wp_usermeta", "community-events-location", Mask::Empty),
    ("wp_usermeta", "_application_passwords", Mask::Empty),
    ("wp_usermeta", "_new_email", Mask::Empty),
    ("wp_usermeta", "_woocommerce_persistent_cart*", Mask::Empty),
    ("wp_usermeta", "_stripe_*", Mask::Empty),
    ("wp_postmeta", "_customer_ip_address", Mask::Ip),
    ("wp_postmeta", "_customer_user_agent", Mask::Empty),
    ("wp_postmeta", "_transaction_id", Mask::Text),
    ("wp_postmeta", "_payment_tokens", Mask::Empty),
    ("wp_postmeta", "_stripe_*", Mask::Empty),
    ("wp_wc_orders_meta", "_stripe_*", Mask::Empty),
    ("wp_commentmeta", "akismet_*", Mask::Empty),
];

/// What only some rows of a table hold: table, the column that tells, its value, column, what that becomes.
const ROWS: &[(&str, &str, &str, &str, Mask)] = &[
    (
        "wp_posts",
        "post_type",
        "shop_order*",
        "post_excerpt",
        Mask::Text,
    ),
    (
        "wp_posts",
        "post_type",
        "shop_order*",
        "post_password",
        Mask::Text,
    ),
    (
        "wp_posts",
        "post_type",
        "user_request",
        "post_title",
        Mask::Text,
    ),
    (
        "wp_posts",
        "post_type",
        "user_request",
        "post_name",
        Mask::Text,
    ),
    (
        "wp_comments",
        "comment_type",
        "order_note",
        "comment_content",
        Mask::Text,
    ),
];

/// The later one counts where two fit.
pub(super) fn rules() -> Vec<MaskRule> {
    let rule = |table: &str, column: &str, only: Option<(&str, String)>, mask| MaskRule {
        table: table.to_owned(),
        column: column.to_owned(),
        only: only.map(|(column, value)| Only {
            column: column.to_owned(),
            value,
        }),
        mask,
    };
    let mut rules = Vec::new();
    for (table, column, mask) in COLUMNS {
        rules.push(rule(table, column, None, *mask));
    }
    for name in secrets::NAMES {
        let named = Some(("option_name", format!("*{name}*")));
        rules.push(rule("wp_options", "option_value", named, Mask::Empty));
    }
    for (table, beginning) in ADDRESSES {
        for (end, mask) in ADDRESS {
            let key = Some(("meta_key", format!("{beginning}{end}")));
            rules.push(rule(table, "meta_value", key, *mask));
        }
    }
    for (table, key, mask) in METADATA {
        let key = Some(("meta_key", (*key).to_owned()));
        rules.push(rule(table, "meta_value", key, *mask));
    }
    for (table, tells, value, column, mask) in ROWS {
        let of = Some((*tells, (*value).to_owned()));
        rules.push(rule(table, column, of, *mask));
    }
    rules
}
