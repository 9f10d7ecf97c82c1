//! A reader of JSON for bindings/vectors.json: the tests run offline, without crates.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        match reader.next() {
            None => Ok(value),
            Some(_) => Err(reader.wrong("the end")),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.get(key),
            _ => None,
        }
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Json::Text(text) => Some(text),
            other => panic!("{key} is {other:?}"),
        }
    }

    pub fn as_text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            other => panic!("{other:?} is no list"),
        }
    }

    pub fn members(&self) -> &BTreeMap<String, Json> {
        match self {
            Json::Object(members) => members,
            other => panic!("{other:?} is no object"),
        }
    }

    pub fn number(&self) -> f64 {
        match self {
            Json::Number(number) => *number,
            Json::Bool(yes) => f64::from(u8::from(*yes)),
            other => panic!("{other:?} is no number"),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, wanted: &str) -> String {
        format!("byte {}: {wanted} was expected", self.at)
    }

    /// The next character that is not a space; it stays there.
    fn next(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\n', '\r', '\t']).len();
        self.text[self.at..].chars().next()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        self.next();
        if !self.text[self.at..].starts_with(token) {
            return Err(self.wrong(token));
        }
        self.at += token.len();
        Ok(())
    }

    fn value(&mut self) -> Result<Json, String> {
        match self.next() {
            Some('{') => {
                let mut members = BTreeMap::new();
                self.items('{', '}', |reader| {
                    let key = reader.string()?;
                    reader.expect(":")?;
                    members.insert(key, reader.value()?);
                    Ok(())
                })?;
                Ok(Json::Object(members))
            }
            Some('[') => {
                let mut list = Vec::new();
                self.items('[', ']', |reader| {
                    list.push(reader.value()?);
                    Ok(())
                })?;
                Ok(Json::List(list))
            }
            Some('"') => self.string().map(Json::Text),
            Some('t') => self.expect("true").map(|()| Json::Bool(true)),
            Some('f') => self.expect("false").map(|()| Json::Bool(false)),
            Some('n') => self.expect("null").map(|()| Json::Null),
            _ => {
                let rest = &self.text[self.at..];
                let end =
                    rest.find(|c: char| !"+-.eE".contains(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
                let number = rest[..end].parse().map_err(|_| self.wrong("a value"))?;
                self.at += end;
                Ok(Json::Number(number))
            }
        }
    }

    fn items(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.expect(open.encode_utf8(&mut [0; 4]))?;
        if self.next() != Some(close) {
            item(self)?;
            while self.next() == Some(',') {
                self.expect(",")?;
                item(self)?;
            }
        }
        self.expect(close.encode_utf8(&mut [0; 4]))
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect("\"")?;
        let mut out = String::new();
        loop {
            let c = self.text[self.at..].chars().next().ok_or_else(|| self.wrong("\""))?;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => {
                    let escape =
                        self.text[self.at..].chars().next().ok_or_else(|| self.wrong("an escape"))?;
                    self.at += escape.len_utf8();
                    out.push(match escape {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'u' => self.unicode()?,
                        other => other,
                    });
                }
                c => out.push(c),
            }
        }
    }

    /// Four hexadecimal digits; the vectors have no surrogates.
    fn unicode(&mut self) -> Result<char, String> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.wrong("four digits"))?;
        let code = u32::from_str_radix(digits, 16).map_err(|_| self.wrong("four digits"))?;
        self.at += 4;
        char::from_u32(code).ok_or_else(|| self.wrong("a character"))
    }
}
