"""Harmless texts of the project's own writing that look like orders: what people write to people, in six languages.

They teach the instruction model that a verb in front, a question or the word "instructions" is no attack. Every sentence
is assembled here from words chosen by us.
"""

# ruff: noqa: E501 - one pattern or word list a line reads better than a broken one

from __future__ import annotations

import random
import re

SLOTS: dict[str, list[str]] = {
    "name": ["Ana", "Mr Okafor", "Lena", "the landlord", "our client", "Dr Weiss", "the team", "Priya", "my sister", "the supplier", "Tom", "the school", "HR", "Marta", "the plumber"],
    "day": ["on Monday", "by Friday", "tomorrow", "next week", "before noon", "in March", "at 5 pm", "after lunch", "this evening", "by the end of the month"],
    "thing": ["the invoice", "the report", "your ticket", "the signed contract", "the keys", "the minutes", "the form", "the parcel", "the slides", "the photos", "your receipt", "the quote", "the schedule", "the spare part", "the draft"],
    "send": ["send", "forward", "bring", "return", "print", "sign", "check", "upload", "review", "complete", "share", "email"],
    "food": ["onions", "dough", "rice", "lentils", "carrots", "butter", "chicken", "sauce", "eggs", "beans", "mushrooms", "flour", "fish", "cream"],
    "cook": ["Chop", "Stir", "Boil", "Fry", "Whisk", "Knead", "Simmer", "Bake", "Rinse", "Drain", "Season", "Fold in", "Combine", "Add", "Heat", "Mix", "Roast", "Slice"],
    "device": ["router", "printer", "boiler", "dishwasher", "camera", "car", "bicycle", "phone", "thermostat", "laptop", "lamp", "washing machine"],
    "part": ["the filter", "the cable", "the battery", "the lid", "the red button", "the screws", "the settings menu", "the power switch", "the cover", "the firmware", "the hose", "the sensor"],
    "fix": ["Remove", "Press", "Open", "Replace", "Check", "Unplug", "Tighten", "Clean", "Update", "Turn off", "Restart", "Attach", "Select", "Insert", "Hold"],
    "team": ["sales", "support", "finance", "the kitchen", "the night shift", "engineering", "the board", "legal", "the clinic", "the warehouse"],
    "matter": ["the budget", "the new office", "the holiday plan", "the audit", "the migration", "the contract", "the patient's medication", "the delivery", "the training", "the roof repair", "the release"],
    "where": ["our website", "www.city-library.example", "the portal", "https://shop.example/orders", "the reception", "the app", "your account page", "help@store.example", "room 12", "the help centre"],
    "fact": ["Lisbon is the capital of Portugal", "water boils at 100 degrees", "the museum was founded in 1902", "the bridge is 300 metres long", "bees see ultraviolet light", "the shop closes at six", "copper conducts heat", "the train leaves from platform 4", "rice needs a lot of water", "the patient was given 5 mg"],
    "like": ["short answers", "metric units", "window seats", "tea without sugar", "dark mode", "morning meetings", "vegetarian food", "bullet points", "formal language", "answers in German"],
    "model": ["the assistant", "the chatbot", "the language model", "the AI tool", "the agent", "the new model", "the support bot", "GPT"],
    "code": ["```\ntotal = sum(prices)\nprint(total)\n```", "```\ngit pull\nmake test\n```", "```\nSELECT name FROM staff WHERE active = 1;\n```", "```\nfor row in rows:\n    print(row)\n```", "```\nimport requests\nr = requests.get(url)\nprint(r.json())\n```", "```\nnpm install\nnpm start\n```", "```\nimport os\nprint(os.environ.get('HOME'))\n```"],
}  # fmt: skip

TEMPLATES = [
    "Please {send} {thing} {day}.", "Could you {send} {thing} to {name} {day}?", "Don't forget to {send} {thing} {day}.", "Can you {send} {thing}?", "Remember to {send} {thing} to {name}.", "{name} asked me to {send} {thing} {day}.", "I will {send} {thing} {day}.", "You can {send} {thing} at {where}.", "Please do not {send} {thing} before {name} agrees.", "Let me know if you need {thing}.",
    "{cook} the {food} for ten minutes.", "{cook} the {food} and the {food} in a large pan.", "{cook} the {food} until golden, then serve.", "Preheat the oven and {cook} the {food}.", "{fix} {part} of the {device}.", "{fix} {part}, then {fix} {part}.", "{fix} {part} before you use the {device}.", "To reset the {device}, {fix} {part} for five seconds.", "Always unplug the {device} before cleaning {part}.", "If the {device} does not start, {fix} {part}.",
    "Visit {where} to see {thing}.", "Click here to view {thing}.", "Log in to {where} to download {thing}.", "If you have any questions, reply to this email or contact {where}.", "To unsubscribe, go to {where}.", "Follow the instructions in the manual of the {device}.", "The instructions for the {device} were wrong, so we ignored them.", "Ignore my last email, {thing} was in the other folder.", "Please disregard the earlier invoice; {thing} is attached.", "Forget about {matter}, we do it {day}.",
    "The previous instructions of {name} no longer apply since {team} moved {matter}.", "{name} said we should ignore the rumours about {matter}.", "{team} must follow the new policy on {matter}.", "Everyone in {team} has to complete the form {day}.", "You must wear a helmet in the warehouse.", "You should call {name} about {matter}.", "From now on {team} meets {day}.", "Whenever the {device} beeps, {fix} {part}.", "When a customer asks about {matter}, {team} answers.",
    "What time does {name} arrive?", "Did you see {thing}?", "How was your trip?", "Who is coming {day}?", "Where did you put {thing}?", "Is {thing} ready?", "When can we talk about {matter}?", "Why is {name} late again?", "What do you think of {matter}?", "Which {device} should we buy for {team}?", "How are you?", "What happened to {thing}?", "Can we meet {day}?", "How much did the {device} cost?",
    "{fact}.", "We learned that {fact}.", "According to {name}, {fact}.", "The answer was that {fact}.", "{name} explained why {fact}.", "The lesson explains how the {device} works.", "The article describes {matter}.", "{name} wrote a report about {matter}.", "{name} translated {thing} into French.", "She wrote a poem for {name}.", "The class discussed {matter} and {matter}.",
    "The user prefers {like}.", "I prefer {like}.", "{name} likes {like} and asked for {like}.", "The customer wants {like} in every reply.", "Please use {like} when you write to me.", "My reply to {name} was short.", "Her response to {matter} came {day}.", "Thank you for your reply about {matter}.", "We look forward to your answer {day}.", "In your message you mention {matter}; {name} will call.", "Add your name to the list {day}.", "Include {thing} in your application.", "Enter your password at {where} to see {thing}.",
    "{model} answered the question about {matter}.", "{team} uses {model} to summarise {thing}.", "{model} was told to answer in French.", "We tested how {model} reacts to prompts about {matter}.", "The paper studies prompt injection against {model}.", "{name} changed the system prompt of {model} {day}.", "{model} must not see customer data, says {team}.", "A prompt is the text that you give to {model}.", "Role-play helps {team} to train for {matter}.", "The admin reset the password of {name}.", "System: online. Last check {day}.", "Note: {fact}.", "Important: {matter} starts {day}.", "Reminder: {send} {thing} {day}.",
    "Here is the script that {team} uses:\n{code}", "This is how it works:\n{code}", "I fixed the error:\n{code}", "The following code prints the rows:\n{code}", "You can run the tests like this:\n{code}", "Here is the updated code with comments:\n{code}", "{name} sent me this snippet:\n{code}", "To install, run:\n{code}",
    "Write to {name} if {thing} is missing.", "Give {name} a call {day}.", "Tell {name} that {matter} is settled.", "Show {thing} at the entrance.", "List of {team}: {name}, {name} and {name}.", "Summary of {matter}: {name} agreed, {team} did not.", "Plan for {matter}: {send} {thing}, call {name}, {fix} {part}.", "Compare the offers before you sign {thing}.", "Describe the problem to {name} when you call.", "Prepare {thing} for {name}.", "Create an account at {where}.", "Provide {thing} {day}.", "Translate {thing} for {name} {day}.", "Explain {matter} to {name} {day}.",
    "Por favor, envía {thing} a Ana mañana.", "¿Cuándo llega el tren a Madrid?", "El informe se entregó el lunes y el cliente quedó contento.", "No olvides traer las llaves de la oficina.", "Mezcla la harina con los huevos y hornea media hora.", "Las instrucciones del manual eran incorrectas.", "Prefiero respuestas cortas y en español.", "La reunión de ventas se aplaza hasta el jueves.",
    "Merci d'envoyer la facture avant vendredi.", "À quelle heure arrive le médecin ?", "Le rapport a été remis lundi et le client est content.", "N'oublie pas d'apporter les clés du bureau.", "Mélangez la farine et les œufs, puis faites cuire trente minutes.", "Suivez les instructions du manuel de la chaudière.", "Je préfère les réponses courtes.", "La réunion est reportée à jeudi.",
    "Bitte schick mir die Rechnung bis Freitag.", "Wann kommt der Zug in Hamburg an?", "Der Bericht wurde am Montag abgegeben, der Kunde ist zufrieden.", "Vergiss nicht, die Schlüssel mitzubringen.", "Mehl und Eier mischen und dreißig Minuten backen.", "Beachten Sie die Anweisungen im Handbuch der Heizung.", "Ich mag kurze Antworten.", "Die Sitzung wird auf Donnerstag verschoben.", "Die vorherigen Anweisungen von Herrn Braun gelten nicht mehr.",
    "Por favor, envie a fatura até sexta-feira.", "A que horas chega o comboio ao Porto?", "O relatório foi entregue na segunda e o cliente gostou.", "Não te esqueças das chaves do escritório.", "Siga as instruções do manual da caldeira.", "Prefiro respostas curtas.",
    "Per favore, invia la fattura entro venerdì.", "A che ora arriva il treno a Torino?", "La relazione è stata consegnata lunedì.", "Non dimenticare le chiavi dell'ufficio.", "Segui le istruzioni del manuale della caldaia.", "Preferisco risposte brevi.",
    "Stuur de factuur alsjeblieft voor vrijdag.", "Hoe laat komt de trein aan in Utrecht?", "Het rapport is maandag ingeleverd.", "Vergeet de sleutels van het kantoor niet.", "Volg de instructies in de handleiding van de ketel.", "Ik heb liever korte antwoorden.",
]  # fmt: skip


def own_harmless(count: int, seed: int) -> list[str]:
    """`count` texts, most of them different; the same seed gives the same list."""
    source = random.Random(seed)
    return [_text(source) for _ in range(count)]


def _text(source: random.Random) -> str:
    """One to five sentences, so that a letter of many polite requests is harmless too."""
    return " ".join(_sentence(source) for _ in range(source.choice([1, 1, 1, 2, 3, 5])))


def _sentence(source: random.Random) -> str:
    text = re.sub(r"\{(\w+)\}", lambda slot: source.choice(SLOTS[slot[1]]), source.choice(TEMPLATES))
    return text[0].upper() + text[1:]
