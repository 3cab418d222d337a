//! Text to nodes, by precedence.
use super::{Expression, FUNCTIONS, Node, Operator};
use crate::{
    limits::{DEPTH_MAX, EXPRESSION_NODES_MAX, POWER_MAX, SELECTOR_BYTES_MAX},
    number::Rational,
};
use num_bigint::BigInt;

/// Operators from the weakest; longer ones before their prefixes.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Modulo)],
];

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong, with the byte.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(format!("an expression has at most {SELECTOR_BYTES_MAX} bytes"));
        }
        let mut parser = Parser { text, at: 0, names: Vec::new(), nodes: 0 };
        let root = parser.binary(0, 0)?;
        match parser.peek() {
            None => Ok(Self { root, names: parser.names }),
            Some(_) => Err(parser.error("an operator must stand here")),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    names: Vec<String>,
    nodes: usize,
}

impl<'a> Parser<'a> {
    fn binary(&mut self, level: usize, depth: usize) -> Result<Node, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary(depth) };
        let tighter = level.saturating_add(1);
        let mut left = self.binary(tighter, depth)?;
        loop {
            self.peek();
            let found = operators.iter().find(|(text, _)| self.rest().starts_with(text));
            let Some((text, operator)) = found else { return Ok(left) };
            self.at = self.at.saturating_add(text.len());
            self.count()?;
            let right = self.binary(tighter, depth)?;
            left = Node::Binary(*operator, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self, depth: usize) -> Result<Node, String> {
        let depth = depth.saturating_add(1);
        if depth > DEPTH_MAX {
            return Err(self.error("expressions nest at most 16 times"));
        }
        if self.take("-") {
            self.count()?;
            return Ok(Node::Negate(Box::new(self.unary(depth)?)));
        }
        if self.take("!") {
            self.count()?;
            return Ok(Node::Not(Box::new(self.unary(depth)?)));
        }
        let base = self.primary(depth)?;
        if !self.take("^") {
            return Ok(base);
        }
        self.count()?;
        self.peek();
        let digits = self.word(|c| c.is_ascii_digit());
        let power = digits.parse::<u32>().ok().filter(|power| *power <= POWER_MAX);
        let power = power.ok_or_else(|| self.error("a power is a whole number up to 8"))?;
        Ok(Node::Power(Box::new(base), power))
    }

    fn primary(&mut self, depth: usize) -> Result<Node, String> {
        self.count()?;
        match self.peek() {
            Some('(') => {
                self.take("(");
                let inner = self.binary(0, depth)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some('0'..='9') => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.name_or_call(depth),
            _ => Err(self.error("a number, a name or a parenthesis must stand here")),
        }
    }

    /// Decimal, or hexadecimal after `0x`.
    fn number(&mut self) -> Result<Node, String> {
        let rest = self.rest();
        if let Some(digits) = rest.strip_prefix("0x") {
            let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            let digits = digits.get(..end).unwrap_or_default();
            let number = BigInt::parse_bytes(digits.as_bytes(), 16).filter(|_| digits.len() <= 64);
            let number = number.ok_or_else(|| self.error("up to 64 hexadecimal digits must stand here"))?;
            self.at = self.at.saturating_add(end).saturating_add(2);
            return Ok(Node::Number(Rational::from(number)));
        }
        let mut before = ' ';
        let is_part = |c: char| {
            let part = c.is_ascii_digit()
                || matches!(c, '.' | 'e' | 'E')
                || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'));
            before = c;
            part
        };
        let text = self.word(is_part);
        Rational::parse(text).map(Node::Number).map_err(|error| self.error(&error.to_string()))
    }

    fn name_or_call(&mut self, depth: usize) -> Result<Node, String> {
        let name = self.word(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        if !self.take("(") {
            let position = self.names.iter().position(|known| known == name).unwrap_or(self.names.len());
            if position == self.names.len() {
                self.names.push(name.to_owned());
            }
            return Ok(Node::Name(position));
        }
        let function = FUNCTIONS.iter().find(|(known, ..)| *known == name);
        let (_, function, count) = function.ok_or_else(|| self.error(&format!("{name} is not a function")))?;
        let mut arguments = Vec::with_capacity(*count);
        for position in 0..*count {
            if position > 0 {
                self.expect(",")?;
            }
            arguments.push(self.binary(0, depth)?);
        }
        self.expect(")")?;
        Ok(Node::Call(*function, arguments))
    }

    fn count(&mut self) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > EXPRESSION_NODES_MAX {
            return Err(format!("an expression has at most {EXPRESSION_NODES_MAX} nodes"));
        }
        Ok(())
    }

    fn word(&mut self, mut is_part: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(end);
        rest.get(..end).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is not white space.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at = self.at.saturating_add(rest.len().saturating_sub(trimmed.len()));
        trimmed.chars().next()
    }

    fn take(&mut self, text: &str) -> bool {
        self.peek();
        let found = self.rest().starts_with(text);
        if found {
            self.at = self.at.saturating_add(text.len());
        }
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(self.error(&format!("{text} must stand here"))) }
    }

    fn error(&self, reason: &str) -> String {
        format!("byte {} of the expression: {reason}", self.at)
    }
}
