//! From a parsed TOML document to the types of a scenario.
//!
//! The `toml` crate has a deserializer too, but its errors are text: which key is unknown, and what was expected instead, could
//! only be found by matching words of its messages and of serde's. This one hands the same calls of the types a [`Mistake`] to
//! fill, and knows the key and the place of each value.

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_spanned::Spanned;
use toml::de::{DeArray, DeInteger, DeString, DeTable, DeValue};

use super::mistake::{Expected, Found, Mistake, MistakeKind};

/// The content of a choice that is written as a table.
pub(super) const ONE_CHOICE: &str = "exactly one choice";

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValueDeserializer<'doc>(pub(super) &'doc DeValue<'doc>);

impl<'doc> ValueDeserializer<'doc> {
    fn wrong(self, expected: Expected) -> Mistake {
        Mistake::wrong_type(found(self.0), expected)
    }

    /// A whole number, if it fits its type.
    fn whole<T: TryFrom<i128>>(self, least: i128, most: i128) -> Result<T, Mistake> {
        let number = if let DeValue::Integer(number) = self.0 { parse(number) } else { None };
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| self.wrong(Expected::Whole { least, most }))
    }

    fn list(self) -> Result<Entries<'doc>, Mistake> {
        match self.0 {
            DeValue::Array(list) => Ok(Entries::new(list)),
            _ => Err(self.wrong(Expected::List)),
        }
    }

    fn table(self) -> Result<Keys<'doc>, Mistake> {
        match self.0 {
            DeValue::Table(table) => Ok(Keys::new(table)),
            _ => Err(self.wrong(Expected::Table)),
        }
    }

    /// A value that is text, or that its visitor refuses in words of its own.
    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0 {
            DeValue::String(text) => visitor.visit_str(text),
            _ => Err(self.wrong(Expected::Words(expectation(&visitor)))),
        }
    }
}

/// What a visitor expects, in its own words.
fn expectation<'de, V: Visitor<'de>>(visitor: &V) -> String {
    let expected: &dyn serde::de::Expected = visitor;
    expected.to_string()
}

fn found(value: &DeValue<'_>) -> Found {
    match value {
        DeValue::String(text) => Found::Text(text.to_string()),
        DeValue::Integer(number) => Found::Number(number.to_string()),
        DeValue::Float(number) => Found::Number(number.to_string()),
        DeValue::Boolean(flag) => Found::Flag(*flag),
        DeValue::Datetime(_) => Found::Date,
        DeValue::Array(_) => Found::List,
        DeValue::Table(_) => Found::Table,
    }
}

fn parse(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

macro_rules! whole_numbers {
    ($($method:ident => $visit:ident: $type:ty,)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
                visitor.$visit(self.whole::<$type>(<$type>::MIN.into(), <$type>::MAX.into())?)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for ValueDeserializer<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0 {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(_) => match self.whole::<i64>(i64::MIN.into(), i64::MAX.into()) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(self.wrong(Expected::Words(expectation(&visitor)))),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(self.wrong(Expected::Words(expectation(&visitor)))),
            },
            DeValue::Boolean(flag) => visitor.visit_bool(*flag),
            DeValue::Datetime(_) => Err(self.wrong(Expected::Words(expectation(&visitor)))),
            DeValue::Array(list) => visitor.visit_seq(Entries::new(list)),
            DeValue::Table(table) => visitor.visit_map(Keys::new(table)),
        }
    }

    whole_numbers! {
        deserialize_u8 => visit_u8: u8,
        deserialize_u16 => visit_u16: u16,
        deserialize_u32 => visit_u32: u32,
        deserialize_u64 => visit_u64: u64,
        deserialize_i8 => visit_i8: i8,
        deserialize_i16 => visit_i16: i16,
        deserialize_i32 => visit_i32: i32,
        deserialize_i64 => visit_i64: i64,
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let number = match self.0 {
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            DeValue::Integer(number) => parse(number).map(|number| number as f64),
            _ => None,
        };
        visitor.visit_f64(number.ok_or_else(|| self.wrong(Expected::Number))?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0 {
            DeValue::Boolean(flag) => visitor.visit_bool(*flag),
            _ => Err(self.wrong(Expected::Flag)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        // A key that is written has a value.
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_map(self.table()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_map(self.table()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.0 {
            DeValue::String(name) => visitor.visit_enum(Name(name)),
            DeValue::Table(table) => {
                let mut entries = table.iter();
                match (entries.next(), entries.next()) {
                    (Some((key, value)), None) => visitor.visit_enum(Choice { key, value }),
                    _ => Err(Mistake::invalid_length(table.len(), &ONE_CHOICE)),
                }
            }
            _ => Err(self.wrong(Expected::Choice)),
        }
    }

    forward_to_deserialize_any! { char bytes byte_buf i128 u128 unit unit_struct tuple_struct identifier ignored_any }
}

/// The entries of a list.
struct Entries<'doc> {
    entries: std::iter::Enumerate<std::slice::Iter<'doc, Spanned<DeValue<'doc>>>>,
}

impl<'doc> Entries<'doc> {
    fn new(list: &'doc DeArray<'doc>) -> Self {
        Self { entries: list.iter().enumerate() }
    }
}

impl<'de> SeqAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some((index, value)) = self.entries.next() else { return Ok(None) };
        let read = seed.deserialize(ValueDeserializer(value.get_ref()));
        read.map(Some).map_err(|mistake| mistake.below(index.to_string(), value.span()))
    }
}

/// The keys of a table and their values.
struct Keys<'doc> {
    entries: toml::map::Iter<'doc, Spanned<DeString<'doc>>, Spanned<DeValue<'doc>>>,
    /// The key whose value comes next.
    current: Option<(&'doc str, &'doc Spanned<DeValue<'doc>>)>,
}

impl<'doc> Keys<'doc> {
    fn new(table: &'doc DeTable<'doc>) -> Self {
        Self { entries: table.iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.current = Some((key.get_ref(), value));
        seed.deserialize(text(key.get_ref())).map(Some).map_err(|mistake| mistake.at(Some(key.span())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Mistake> {
        let (key, value) = self.current.take().ok_or_else(|| Mistake::custom("a value was read before its key"))?;
        seed.deserialize(ValueDeserializer(value.get_ref())).map_err(|mistake| mistake.below(key, value.span()))
    }
}

fn text(text: &str) -> StrDeserializer<'_, Mistake> {
    text.into_deserializer()
}

/// A choice that is written as its name.
struct Name<'doc>(&'doc str);

impl<'de> EnumAccess<'de> for Name<'_> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Mistake> {
        Ok((seed.deserialize(text(self.0))?, self))
    }
}

impl<'de> VariantAccess<'de> for Name<'_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Result<T::Value, Mistake> {
        Err(Mistake::new(MistakeKind::NeedsSettings))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, _visitor: V) -> Result<V::Value, Mistake> {
        Err(Mistake::new(MistakeKind::NeedsSettings))
    }

    fn struct_variant<V: Visitor<'de>>(self, _fields: &'static [&'static str], _visitor: V) -> Result<V::Value, Mistake> {
        Err(Mistake::new(MistakeKind::NeedsSettings))
    }
}

/// A choice that is written as a table with one key.
struct Choice<'doc> {
    key: &'doc Spanned<DeString<'doc>>,
    value: &'doc Spanned<DeValue<'doc>>,
}

impl<'doc> Choice<'doc> {
    /// Where the settings of the choice are.
    fn below<T>(self, read: impl FnOnce(ValueDeserializer<'doc>) -> Result<T, Mistake>) -> Result<T, Mistake> {
        read(ValueDeserializer(self.value.get_ref())).map_err(|mistake| mistake.below(self.key.get_ref().as_ref(), self.value.span()))
    }
}

impl<'de, 'doc> EnumAccess<'de> for Choice<'doc> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Mistake> {
        match seed.deserialize(text(self.key.get_ref())) {
            Ok(variant) => Ok((variant, self)),
            Err(mistake) => Err(mistake.at(Some(self.key.span()))),
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        self.below(|value| match value.0 {
            DeValue::Table(table) if table.is_empty() => Ok(()),
            _ => Err(value.wrong(Expected::Words("an empty table".to_owned()))),
        })
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        self.below(|value| seed.deserialize(value))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.below(|value| visitor.visit_seq(value.list()?))
    }

    fn struct_variant<V: Visitor<'de>>(self, _fields: &'static [&'static str], visitor: V) -> Result<V::Value, Mistake> {
        self.below(|value| visitor.visit_map(value.table()?))
    }
}
