//! What a header means where no mapping says so.

use super::mapping::PhoneColumn;

/// Headers of fields, normalised to lower-case letters and digits; an earlier one wins over a later one.
const FIELDS: [(&str, &[&str]); 8] = [
    (
        "id",
        &[
            "id",
            "customerid",
            "contactid",
            "accountid",
            "externalid",
            "clientid",
            "personid",
            "memberid",
            "userid",
            "recordid",
            "crmid",
            "uuid",
            "guid",
        ],
    ),
    (
        "name",
        &[
            "name",
            "fullname",
            "customername",
            "displayname",
            "contactname",
            "clientname",
        ],
    ),
    ("first_name", &["firstname", "givenname", "forename"]),
    ("last_name", &["lastname", "surname", "familyname"]),
    (
        "company",
        &[
            "company",
            "companyname",
            "organization",
            "organisation",
            "organizationname",
            "account",
        ],
    ),
    (
        "created_at",
        &["createdat", "createdon", "createddate", "datecreated"],
    ),
    (
        "updated_at",
        &[
            "updatedat",
            "updatedon",
            "modifiedat",
            "modifiedon",
            "lastmodified",
        ],
    ),
    ("last_agent_id", &["lastagentid"]),
];
const LABELS: [&str; 2] = ["labels", "tags"];
const EMAIL: [&str; 2] = ["email", "emailaddress"];
/// Headers of phones, with what such a phone is called; a digit may follow each.
const PHONES: [(&str, Option<&str>); 14] = [
    ("phone", None),
    ("phonenumber", None),
    ("telephone", None),
    ("telephonenumber", None),
    ("tel", None),
    ("mobile", Some("mobile")),
    ("mobilephone", Some("mobile")),
    ("mobilenumber", Some("mobile")),
    ("cell", Some("mobile")),
    ("cellphone", Some("mobile")),
    ("homephone", Some("home")),
    ("workphone", Some("work")),
    ("businessphone", Some("work")),
    ("officephone", Some("work")),
];

/// The headers that are still to be had.
pub(super) struct Detector<'a> {
    headers: &'a [String],
    normal: Vec<String>,
    taken: Vec<bool>,
}

impl<'a> Detector<'a> {
    /// Over `headers`, of which those marked in `taken` already mean something.
    pub(super) fn new(headers: &'a [String], taken: Vec<bool>) -> Detector<'a> {
        Detector {
            headers,
            normal: headers.iter().map(|header| normalised(header)).collect(),
            taken,
        }
    }

    /// The column of the document's field `field`, by its well-known headers.
    pub(super) fn field(&mut self, field: &str) -> Option<usize> {
        let (_, names) = FIELDS.iter().find(|(known, _)| *known == field)?;
        self.first_named(names)
    }

    /// The column of labels.
    pub(super) fn labels(&mut self) -> Option<usize> {
        self.first_named(&LABELS)
    }

    /// The first column whose header's last word is `word`: `Provider ID`, `Hospital Name`.
    pub(super) fn ending_in(&mut self, word: &str) -> Option<usize> {
        let found = self
            .free()
            .find(|&column| last_word(&self.headers[column]) == word)?;
        self.take(found)
    }

    /// Every column of phones; where there is none, the first whose header ends as one of a phone does.
    pub(super) fn phones(&mut self) -> Vec<(usize, PhoneColumn)> {
        let mut phones: Vec<(usize, Option<&str>)> = self
            .free()
            .filter_map(|column| {
                let bare = self.normal[column].trim_end_matches(|c: char| c.is_ascii_digit());
                let (_, kind) = PHONES.iter().find(|(name, _)| *name == bare)?;
                Some((column, *kind))
            })
            .collect();
        if phones.is_empty() {
            let ends = |column: &usize| {
                let header = &self.normal[*column];
                header.ends_with("phone") || header.ends_with("phonenumber")
            };
            phones.extend(self.free().find(ends).map(|column| (column, None)));
        }
        phones
            .into_iter()
            .map(|(column, kind)| {
                self.taken[column] = true;
                let phone = PhoneColumn {
                    column: self.headers[column].clone(),
                    kind: kind.map(str::to_owned),
                    region: None,
                    shared: false,
                };
                (column, phone)
            })
            .collect()
    }

    /// Columns that mean nothing yet.
    pub(super) fn free(&self) -> impl Iterator<Item = usize> {
        (0..self.headers.len()).filter(|&column| !self.taken[column])
    }

    /// Whether the column's values are e-mail addresses.
    pub(super) fn is_email(&self, column: usize) -> bool {
        EMAIL.contains(&self.normal[column].as_str())
    }

    fn first_named(&mut self, names: &[&str]) -> Option<usize> {
        let found = names
            .iter()
            .find_map(|name| self.free().find(|&column| self.normal[column] == *name))?;
        self.take(found)
    }

    fn take(&mut self, column: usize) -> Option<usize> {
        self.taken[column] = true;
        Some(column)
    }
}

/// An attribute's key for a header: `ZIP Code` becomes `zip_code`; `column_7` for a header without a letter or digit.
pub(super) fn key(header: &str, column: usize) -> String {
    /// Leaves room for a number behind it within the 64 characters of a key.
    const MOST: usize = 61;
    let mut key = String::new();
    for c in header.chars() {
        if c.is_ascii_alphanumeric() {
            key.push(c.to_ascii_lowercase());
        } else if !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    key.truncate(MOST);
    let key = key.trim_end_matches('_');
    if key.is_empty() {
        format!("column_{}", column + 1)
    } else {
        key.to_owned()
    }
}

fn normalised(header: &str) -> String {
    header
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Words end at anything but a letter or digit, and before a capital behind a small letter (`providerId`).
fn last_word(header: &str) -> String {
    let mut word = String::new();
    let mut after_small = false;
    for c in header.trim_end_matches(|c: char| !c.is_alphanumeric()).chars() {
        if !c.is_alphanumeric() || (after_small && c.is_uppercase()) {
            word.clear();
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_keys() {
        for (header, word, made) in [
            ("Provider ID", "id", "provider_id"),
            ("providerId", "id", "providerid"),
            ("Paid", "paid", "paid"),
            ("  ZIP Code (5) ", "5", "zip_code_5"),
            ("Größe", "größe", "gr_e"),
            ("電話", "電話", "column_3"),
            ("", "", "column_3"),
        ] {
            assert_eq!(
                (last_word(header).as_str(), key(header, 2).as_str()),
                (word, made),
                "{header}"
            );
        }
        assert!(key(&"long header ".repeat(20), 0).len() <= 61);
    }

    #[test]
    fn phones_by_name_and_number_else_by_their_end() {
        let found = |headers: &[&str]| {
            let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
            let phones = Detector::new(&headers, vec![false; headers.len()]).phones();
            phones
                .into_iter()
                .map(|(column, phone)| (column, phone.kind.unwrap_or_default()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(&["Phone 1", "Work phone", "Cell", "Contact phone", "Phones called"]),
            [(0, String::new()), (1, "work".into()), (2, "mobile".into())]
        );
        assert_eq!(
            found(&["Fax", "Contact phone", "Billing phone"]),
            [(1, String::new())]
        );
    }
}
