//! Arithmetic expressions in `x`, and how they become code.

use crate::machine::{self, Operation};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// `x`
    Argument,
    /// A number.
    Constant(i64),
    /// Two expressions and what makes one of them.
    Binary(Operation, Box<[Self; 2]>),
}

impl Expression {
    /// Reads an expression: numbers, `x`, `+`, `-`, `*`, brackets.
    ///
    /// # Errors
    /// What was expected, and at which byte.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let expression = reader.sum()?;
        match reader.peek() {
            None => Ok(expression),
            Some(other) => Err(format!("byte {}: an operator or the end, not `{other}`", reader.at)),
        }
    }

    /// A function that computes it.
    ///
    /// # Errors
    /// If it needs more values at once than there are registers.
    pub(crate) fn compile(&self) -> Result<Vec<u8>, String> {
        let mut code = machine::begin();
        self.emit(&mut code, 0)?;
        machine::take_result(&mut code);
        Ok(code)
    }

    fn emit(&self, code: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        if depth == machine::DEPTH {
            return Err(format!("more than {depth} values are needed at once: use fewer brackets"));
        }
        match self {
            Self::Argument => machine::argument(code, depth),
            Self::Constant(value) => machine::constant(code, depth, *value),
            Self::Binary(operation, operands) => {
                operands[0].emit(code, depth)?;
                operands[1].emit(code, depth + 1)?;
                machine::operate(code, depth, *operation);
            }
        }
        Ok(())
    }

    /// What it is for this `x`, by going through it.
    pub(crate) fn interpret(&self, x: i64) -> i64 {
        match self {
            Self::Argument => x,
            Self::Constant(value) => *value,
            Self::Binary(operation, operands) => {
                let [left, right] = [&operands[0], &operands[1]].map(|operand| operand.interpret(x));
                match operation {
                    Operation::Add => left.wrapping_add(right),
                    Operation::Subtract => left.wrapping_sub(right),
                    Operation::Multiply => left.wrapping_mul(right),
                }
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn sum(&mut self) -> Result<Expression, String> {
        self.chain(&[('+', Operation::Add), ('-', Operation::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Expression, String> {
        self.chain(&[('*', Operation::Multiply)], Self::term)
    }

    /// Operands with operators between them, from left to right.
    fn chain(
        &mut self,
        operators: &[(char, Operation)],
        operand: fn(&mut Self) -> Result<Expression, String>,
    ) -> Result<Expression, String> {
        let mut left = operand(self)?;
        while let Some(&(_, operation)) = operators.iter().find(|&&(sign, _)| self.peek() == Some(sign)) {
            self.at += 1;
            left = Expression::Binary(operation, Box::new([left, operand(self)?]));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Expression, String> {
        match self.peek() {
            Some('x') => {
                self.at += 1;
                Ok(Expression::Argument)
            }
            Some('(') => {
                self.at += 1;
                let inner = self.sum()?;
                if self.peek() != Some(')') {
                    return Err(format!("byte {}: a bracket is not closed", self.at));
                }
                self.at += 1;
                Ok(inner)
            }
            Some(digit) if digit.is_ascii_digit() => self.number(),
            _ => Err(format!("byte {}: a number, `x` or a bracket", self.at)),
        }
    }

    fn number(&mut self) -> Result<Expression, String> {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number =
            rest[..length].parse().map_err(|_| format!("byte {}: the number is too large", self.at))?;
        self.at += length;
        Ok(Expression::Constant(number))
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }
}
