//! Names below which everyone may have a host: a grant to all of them is a grant to strangers. A short list of the
//! common ones by rule, not the whole Public Suffix List: what is missing here is no promise broken, only a slip of
//! the pen that is not caught.

/// What stands before a country's code where anyone may register below it, as in `co.uk`.
const SECOND_LEVEL: [&str; 22] = [
    "ac", "co", "com", "edu", "gob", "gov", "go", "gr", "gv", "id", "info", "ltd", "me", "mil", "ne", "net", "nom",
    "or", "org", "plc", "sch", "web",
];

/// Where companies give names away.
const HOSTING: [&str; 42] = [
    "amazonaws.com",
    "appspot.com",
    "awsapprunner.com",
    "azure-api.net",
    "azureedge.net",
    "azurefd.net",
    "azurewebsites.net",
    "bitbucket.io",
    "blob.core.windows.net",
    "blogspot.com",
    "cloudapp.azure.com",
    "cloudapp.net",
    "cloudfront.net",
    "cloudfunctions.net",
    "deno.dev",
    "elasticbeanstalk.com",
    "execute-api.amazonaws.com",
    "firebaseapp.com",
    "fly.dev",
    "ghe.io",
    "github.dev",
    "github.io",
    "githubusercontent.com",
    "gitlab.io",
    "glitch.me",
    "googleusercontent.com",
    "herokuapp.com",
    "loca.lt",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.io",
    "onrender.com",
    "pages.dev",
    "r2.dev",
    "run.app",
    "s3.amazonaws.com",
    "surge.sh",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
];

/// Whether anyone may have a host below `name`, which is canonical.
pub(crate) fn is_public(name: &str) -> bool {
    let mut labels = name.rsplit('.');
    let (last, second) = (labels.next().unwrap_or_default(), labels.next());
    let third = labels.next();
    match (second, third) {
        (None, _) => true,
        (Some(second), None) if last.len() == 2 && SECOND_LEVEL.contains(&second) => true,
        _ => HOSTING.contains(&name) || (name.starts_with("s3.") && name.ends_with(".amazonaws.com")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What everyone may register below is public; a domain of someone is not.
    #[test]
    fn public_names_are_told_from_domains() {
        for name in [
            "com",
            "co.uk",
            "com.br",
            "github.io",
            "s3.amazonaws.com",
            "s3.eu-west-1.amazonaws.com",
        ] {
            assert!(is_public(name), "{name}");
        }
        for name in [
            "example.com",
            "example.co.uk",
            "me.github.io",
            "co.example.com",
            "gov.example.uk",
        ] {
            assert!(!is_public(name), "{name}");
        }
    }
}
