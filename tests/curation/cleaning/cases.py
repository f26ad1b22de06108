"""Questions that a rule must take, and their neighbours that it must leave: (text, what it is taken for or None)."""

from __future__ import annotations

FIGURES_TAKEN = [
    "What is shown here? ![a cell](cell.png)",
    'Name the part. <img src="part.jpg" width=200>',
    r"Find $x$. \includegraphics[width=3cm]{tri.pdf}",
    "[asy] draw((0,0)--(1,0)--(0,1)--cycle); [/asy] What is the area?",
    r"\begin{tikzpicture}\draw (0,0) circle (1);\end{tikzpicture} What is its area?",
    "See the figure. What is the angle at B?",
    "In the figure, AB is parallel to CD. Find x.",
    "As shown in the figure, a ladder leans on a wall. How high is it?",
    "Refer to the accompanying diagram and name the isomer.",
    "The diagram below shows a circuit. What is the current?",
    "In the diagram above, find angle ABC.",
    "Figure 2 gives the population by year. Which year had the most?",
    "According to Fig. 3, what is the boiling point?",
    "Use the graph shown below to estimate f(2).",
    "The graph on the right is that of a polynomial. What is its degree?",
    "The triangle ABC shown has a right angle at C. Find AB.",
    "What is the area of the rectangle pictured?",
    "Look at the picture and count the apples.",
    "The circles are not drawn to scale. What is the radius of the larger one?",
    "What is the mass of the block in the attached image?",
    "Which compound is depicted below?",
    "The following figure is made of 12 matches. How many squares are there?",
    "Question about data:image/png;base64,iVBORw0KGgo= please answer.",
]
FIGURES_LEFT = [
    "A figure skating judge gives scores 5, 6 and 7. What is their mean?",
    "Round 3.14159 to three significant figures.",
    "Help me figure out how many apples are left.",
    "What is the graph of y = x^2 called?",
    "The graph G has 5 vertices and 7 edges. Is it planar?",
    "In the graph G, what is the degree of v?",
    "Find the area of the portion of the graph below the x-axis.",
    "What is the image of the map f: R -> R, x -> x^2?",
    "Consider the following graph problem: given n vertices, count the trees.",
    "Draw a diagram of a nephron and label it.",
    "What figure of speech is `as brave as a lion`?",
    "A six-figure salary of 120000 is taxed at 20 %. What is left?",
    "A skater skates a figure eight. How often does he cross his path?",
    "What does the tag `<img src='x.png'>` do in HTML?",
    "```html\n<img src='a.png'>\n```\nWhy does this page not load?",
    "Picture this: a train leaves at 8. When does it arrive?",
    "It is shown that f is linear. What is f(2)?",
    "Sketch the graph of y = x and find where it meets y = 2.",
    "The chart of accounts has 12 entries. How many are debits?",
    "A photograph of 10 cm by 15 cm is enlarged by 20 %. What is its area?",
    "Write a function that plots a histogram of a list.",
    "They are misled by the photos and take the wrong train. Who is late?",
    "One cannot judge a method from the figures alone. How many trials are needed?",
    "She wrote for the sketch comedy series. In which year did it end?",
    "The government published a figure of 5 % for inflation. What is the real rate?",
]
SEVERAL_TAKEN = [
    "A ball is thrown up at 5 m/s. (a) How high does it go? (b) When does it land?",
    "Let f(x) = x^2. (a) Find f'(x). (b) Find the area under f from 0 to 1.",
    "1. What is the capital of France?\n2. What is the capital of Spain?",
    "A gas is heated.\n(i) Calculate the work done.\n(ii) Calculate the heat.",
    "a) Determine the domain of f.\nb) Determine its range.",
    "Part A: What is the mass?\nPart B: What is the weight?",
    "**1.** Solve x + 1 = 2.\n**2.** Solve x + 2 = 5.",
    "Given a triangle, (1) prove that it is isosceles; (2) find its area.",
]
SEVERAL_LEFT = [
    "Which is largest? (a) 1/2 (b) 2/3 (c) 3/4",
    "Let f(a) = 2 and (b) be the second term. What is f(a) + b?",
    "A list of conditions:\n1. x is even.\n2. x is below 10.\nHow many such x are there?",
    "Which of these is a mammal?\n(a) a whale\n(b) a shark\n(c) a tuna",
    "In section 1. we saw that n = 2. What is n + 1?",
    "What is the sum of the points (1) and (2) on the number line?",
    "Steps: 1) mix the acid 2) heat it 3) cool it. Which step releases gas?",
    "What is 2 + 2?",
    "For (a) real and (b) complex roots, how many cubic polynomials of height 1 are there?",
]
LINKS_TAKEN = [
    "See https://oeis.org/A000045 and give the next term.",
    "The data is at www.kaggle.com/datasets/x. Which column is the label?",
    "Explain [this paper](http://arxiv.org/abs/1706.03762).",
    "Download ftp://ftp.ncbi.nlm.nih.gov/x.gz and count the lines.",
]
LINKS_LEFT = [
    "Parse the host of `https://github.com/a/b` in Python.",
    "Write a server that answers at http://localhost:8000/.",
    "Which protocol does http:// stand for?",
    "Send a GET request to https://api.example.com/users and print the names.",
    "```python\nrequests.get('https://github.com')\n```\nWhat does it return?",
    'Which namespace is xmlns="http://www.w3.org/2000/svg"?',
]
PROOFS_TAKEN = [
    "Prove that the square root of 2 is irrational.",
    "Let n be even. Show that n^2 is even.",
    "Let ABC be a triangle. Prove the following inequality: a + b > c.",
    "Give a formal proof of the pigeonhole principle.",
    "Suppose x > 1; show that $x^2 > x$.",
]
PROOFS_LEFT = [
    "Show that f is linear and find f(3).",
    "What is the alcohol content of an 80 proof whisky?",
    "The table will show that 5 people came. How many did not, of 12?",
    "Prove that x = 2 is the only root. What is x + 1?",
    "A proof is a sequence of statements. How many statements has the shortest one?",
    "A certificate used to prove that the holder owns the share is called ...",
    "Compute the sum; you need not prove that it converges.",
]
ANSWER_TAKEN = [
    "What is 6 * 7?\nAnswer: 42",
    "What is 6 * 7?\n**Answer:** 42",
    "Solve x + 1 = 2.\nSolution: x = 1",
    "Who wrote Faust?\nCorrect answer: Goethe",
]
ANSWER_LEFT = [
    "What is 6 * 7? Write your answer as Answer: 42 or similar.",
    "What is 6 * 7?\nAnswer:",
    "What is 6 * 7?\nAnswer: ____",
    "End with a line of the form\nAnswer: $ANSWER\nWhat is 6 * 7?",
    "Which is even?\nAnswer: (A) 3 (B) 4 (C) 5",
    "The solution of the equation x + 1 = 2 is wanted.",
    "A salt solution: 5 g in 100 ml. What is its concentration?",
]
